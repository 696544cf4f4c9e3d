"""Documentation that cannot rot: its Python runs, its links, commands, specs and names are real."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import invkit
from invkit.cli.main import cli
from invkit.files.store import find, read_card, user_store
from invkit.files.store import names as trained_names
from invkit.plugin.building import signature_of
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import KINDS, Entry

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
EVERYTHING = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]

FENCE = re.compile(r"^```(\w*)[ \t]*([\w-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
SPEC = re.compile(r"(?P<kind>[a-z][A-Za-z0-9_-]*)(:(?P<name>[^?\s`]+))?(\?(?P<options>\w+=[^\s`]+))?")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_text = pytest.mark.parametrize("page", EVERYTHING, ids=lambda page: page.name)


def blocks(page: Path, language: str, *, runnable: bool = False) -> list[str]:
    """The fenced blocks of a language; with ``runnable`` without those marked ``no-run``."""
    found = [match for match in FENCE.finditer(page.read_text("utf-8")) if match[1] == language]
    return [match[3] for match in found if not (runnable and match[2] == "no-run")]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts, as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def registered(kind: str) -> dict[str, Entry]:
    """What invkit registers under a kind."""
    entries = default_manager().registry.entries(kind)
    return {entry.name: entry for entry in entries if entry.distribution == "invkit"}


# Python ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python", runnable=True)], ids=lambda page: page.name
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "documentation"}
    for number, block in enumerate(blocks(page, "python", runnable=True), 1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)


@every_page
def test_python_that_is_not_run_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


def test_most_python_is_run() -> None:
    pages = [page for page in PAGES if page.name != "gallery.md"]  # tests/examples runs its scripts
    run = sum(len(blocks(page, "python", runnable=True)) for page in pages)
    assert run > 3 * (sum(len(blocks(page, "python")) for page in pages) - run)


def test_methods_and_configurations_shown_can_be_loaded() -> None:
    shown = [block for page in PAGES for block in blocks(page, "toml") if block.startswith("format")]
    assert shown
    for block in shown:
        invkit.load_config(tomllib.loads(block))


# Links ----------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@every_text
def test_links_resolve(page: Path) -> None:
    text = prose(page)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text)
    for target in targets:
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT) and file.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in DOCS}
    reference = {page for page in pages if page.startswith("api/")} - {"api/composing.md"}
    assert {page for page in pages - reference - {"index.md"} if f"({page})" not in index} == set()


def test_pictures_are_small() -> None:
    pictures = [path for path in (ROOT / "docs" / "images").rglob("*") if path.is_file()]
    assert pictures and all(picture.stat().st_size < 300_000 for picture in pictures)


# Commands -------------------------------------------------------------------------------------------------


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every shell line of the pages, with the page's name."""
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        lines += re.findall(r"^    ((?:make|pip|invkit|python) .+)$", prose(page), re.MULTILINE)
        lines += [span for span in SPAN.findall(prose(page)) if re.match(r"(make|invkit|python) \S", span)]
        for line in lines:
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words:
                yield page.name, words


def test_invkit_commands_take_what_the_pages_give_them() -> None:
    tried = 0
    for page, words in command_lines():
        if words[0] != "invkit" or "…" in words or {"NAME", "--help"} & {*words}:
            continue
        context = click.Context(cli, info_name="invkit", **cli.context_settings)
        command = cli.get_command(context, words[1])
        assert command is not None, f"{page}: {' '.join(words)}"
        if len(words) == 2 and command.name in ("calibrate", "deblur", "describe", "train", "list"):
            continue  # only named
        command.make_context(words[1], words[2:], parent=context)  # raises where it cannot be parsed
        tried += 1
    assert tried >= 10


def test_make_targets_and_modules_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for page, words in command_lines():
        if words[0] == "make":
            for target in (word for word in words[1:] if "=" not in word):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page}: {' '.join(words)}"
        if words[0] == "python":
            script = f"{words[2].replace('.', '/')}.py" if words[1] == "-m" else words[1]
            assert (ROOT / script).exists(), f"{page}: {' '.join(words)}"


def test_every_command_is_documented(generate: ModuleType) -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    paths = list(generate.commands())
    assert {"deblur", "train", "demo", "bench", "doctor"} <= set(paths)
    assert [path for path in paths if f"\n## invkit {path}\n" not in page] == []


def test_the_help_of_every_command_is_what_it_prints(generate: ModuleType) -> None:
    width = {"terminal_width": generate.WIDTH, "max_content_width": generate.WIDTH}
    for path in generate.commands():
        told = CliRunner().invoke(generate.cli, [*path.split(), "--help"], prog_name="invkit", **width)
        lines = [line.rstrip() for line in told.output.splitlines()]
        assert generate.help_text(path).splitlines() == lines, path


def test_generated_parts_are_current(generate: ModuleType) -> None:
    assert [path.name for path in generate.stale()] == [], "type: python docs/generate.py"


def test_every_table_of_bench_has_its_place(generate: ModuleType) -> None:
    """Each marker stands once, holds a table or says what to type, and is of a known experiment."""
    for marker, (made, page) in generate.BENCH.items():
        text = (ROOT / "docs" / page).read_text("utf-8")
        changed = generate.replaced(text, marker, "| new |")
        assert "| new |" in changed and generate.replaced(changed, marker, "| new |") == changed
        (inside,) = re.findall(f"<!-- begin {marker} -->(.*?)<!-- end {marker} -->", text, re.DOTALL)
        name = Path(made).stem
        assert "| ---: |" in inside or f"`invkit bench {name}`" in inside
        assert name in registered("experiment")


def test_every_table_of_a_benchmark_has_its_place(generate: ModuleType) -> None:
    for marker, (made, page) in generate.MEASURED.items():
        text = (ROOT / "docs" / page).read_text("utf-8")
        assert "| new |" in generate.replaced(text, marker, "| new |")
        assert (ROOT / "benchmarks" / f"{Path(made).stem.replace('-', '_')}.py").exists()


def test_a_changed_page_is_noticed(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "recipes", lambda: "| other |")
    assert [path.name for path in generate.stale()] == ["priors.md"]


# Names ----------------------------------------------------------------------------------------------------


@every_page
def test_specs_name_what_is_registered(page: Path) -> None:
    text = page.read_text("utf-8")
    own = set(re.findall(r"--name (\w+)", text))
    entries: dict[str, list[Entry]] = {}  # a prior and a data set may share a name
    for kind in KINDS:
        for name, entry in registered(kind).items():
            entries.setdefault(name, []).append(entry)
    for span in SPAN.findall(prose(page)):
        match = SPEC.fullmatch(span)
        if match is None or (match["kind"] not in entries and not match["options"]):
            continue  # some other code
        assert match["kind"] in entries, f"{page.name}: `{span}`"
        if match["options"]:
            known = {option.key for entry in entries[match["kind"]] for option in signature_of(entry).options}
            given = {part.partition("=")[0] for part in re.split("[,&]", match["options"])}
            assert given <= known, f"{page.name}: `{span}`"
        if match["name"] and default_manager().registry.weights_folders(match["kind"]):
            name = match["name"]
            recipes = registered("trainer")[match["kind"]].load()().recipes()
            there = {"NAME", *own, *recipes, *trained_names(default_manager().registry, match["kind"])}
            assert name in there or name.endswith(".safetensors"), f"{page.name}: `{span}`"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "command"])
def test_everything_registered_is_documented(kind: str) -> None:
    text = "\n".join(page.read_text("utf-8") for page in DOCS)
    missing = [name for name in registered(kind) if not re.search(rf"`{name}(?![\w-])", text)]
    assert missing == []


def test_public_names_in_the_pages_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"\binvkit\.([A-Za-z_]+)\b(?!\.)", page.read_text("utf-8")):
            path = ROOT / "invkit" / name
            known = name in invkit.__all__ or path.is_dir() or path.with_suffix(".py").exists()
            assert known, f"{page.name}: invkit.{name}"


@every_text
def test_nothing_is_left_to_be_filled_in(page: Path) -> None:
    assert re.findall(r"TBD[\w-]*", page.read_text("utf-8")) == []


@pytest.mark.parametrize("kind", ["vae", "gan"])
def test_shipped_weights_come_from_the_recipes_shown(kind: str) -> None:
    registry = default_manager().registry
    recipes = registry.entry("trainer", kind).load()().recipes()
    shipped = [name for name in trained_names(registry, kind) if name in recipes]
    assert shipped
    for name in shipped:
        path = find(registry, kind, name)
        assert not path.is_relative_to(user_store())
        card = read_card(path)
        cards = {name: card}
        if "of" in card:  # a flow and the VAE that it is for, which have a recipe each
            cards = {name: card["of"], f"{name}-flow": card}
        for recipe, each in cards.items():
            trained = each["recipe"]
            assert recipes[recipe].items() <= trained.items() and trained["seed"] == 0, recipe


def test_the_pages_say_which_recipes_have_no_weights() -> None:
    registry = default_manager().registry
    missing = {
        f"`{kind}:{name}`"
        for kind in ("vae", "gan")
        for name, recipe in registry.entry("trainer", kind).load()().recipes().items()
        if name not in trained_names(registry, kind) and "of" not in recipe
    }
    page = (ROOT / "docs" / "priors.md").read_text("utf-8")
    (said,) = re.findall(r"A recipe whose weights do not travel with invkit \(([^)]+)\)", page)
    assert set(SPAN.findall(said)) == {name.strip("`") for name in missing}


# The site -------------------------------------------------------------------------------------------------


def test_every_public_name_is_in_the_reference() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    named = re.findall(r"^::: (invkit\.\S+)$", pages, re.MULTILINE)
    shown = {name.rpartition(".")[2].lower() for name in named}
    assert {"errors", "metrics", "solving", "testing"} <= shown  # whole modules
    names = set(invkit.__all__) - set(invkit.errors.__all__) - {"__version__"}
    assert {name for name in names if name.lower() not in shown} == set()


def test_every_page_is_in_the_site() -> None:
    listed = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in DOCS}
