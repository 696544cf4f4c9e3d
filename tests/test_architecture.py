"""Who may import and name whom. The sources are parsed, never imported.

- One topic is one folder ``plugins/invkit_<topic>/`` and one entry point.
- The core neither imports nor names a plugin. A plugin neither imports nor names another.
- A plugin imports only what invkit makes public.

A string *names* a plugin where it is, as a whole, one of these:

- a module or target in the plugin's package: ``"invkit_vae.plugin"``, ``"invkit_vae.prior:VAE"``;
- a spec of something that only other plugins register: ``"evidence"``, ``"gaussian:celeba"``,
  ``"known:k.npy?normalise=sum"``, or a chain ``"circconv | mask"``, which names each of its links.

Strings with other blanks are prose: ``"choose operator=circconv, or …"`` names nothing. A value in an
f-string counts as a letter. Docstrings and ``__all__`` are left out, and data files (TOML) are no code. The
names of commands, methods and weights folders are no specs.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").is_file())

#: modules of invkit that are its own affair, besides those that start with an underscore
PRIVATE = {"invkit.cli.main", "invkit.plugin.converting", "invkit.plugin.loading"}

#: modules that describe what is compared, by name: data, written as Python
DATA = ("plugins/invkit_experiments/studies/", "plugins/invkit_experiments/inputs/")

#: words that are another plugin's kind, too, but mean something else here
WORDS = {
    "invkit": {"crop", "history", "images", "product", "progress", "tensorboard", "tied"},  # arguments
    "invkit_altgd": {"gradient"},  # an option's value
    "invkit_classical": {"tv"},  # a penalty
    "invkit_experiments": {"identity", "lm"},  # a key of kept results, and where text is anchored
    "invkit_generative": {"gaussian"},  # a likelihood
}

#: what is still to be removed
NO_KINDS = {"command", "experiment", "method", "weights"}
_TARGET = re.compile(r"(invkit_\w+)(\.\w+)*(:\w+)?")
_OPTION = r"[A-Za-z_]\w*=[^\s,&]*"
_SPEC = re.compile(rf"(?P<kind>[a-z][A-Za-z0-9_-]*)(:[^?\s]+)?(\?{_OPTION}([,&]{_OPTION})*)?")


def sources(package: str) -> list[Path]:
    """The modules of ``invkit`` or of a plugin that are code."""
    folder = ROOT / package if package == "invkit" else ROOT / "plugins" / package
    paths = sorted(folder.rglob("*.py"))
    return [path for path in paths if not path.relative_to(ROOT).as_posix().startswith(DATA)]


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(tree: ast.Module, package: str = "") -> Iterator[tuple[int, str]]:
    """Line and full name of every import anywhere; of ``from a import b``, both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = package if node.level else node.module or ""
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of the strings in the code; each value in an f-string counts as one letter."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
            nodes += [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        nodes += ast.iter_child_nodes(node)


def kinds_in(text: str) -> set[str]:
    """The kinds that a string names if it is a spec or a chain of them."""
    matches = [_SPEC.fullmatch(link.strip()) for link in text.split("|")]
    return {match["kind"] for match in matches if match} if all(matches) else set()


def registered(plugin: str) -> set[str]:
    """The kinds of specs that a plugin registers: ``registry.prior("vae", …)`` and the like."""
    found = set()
    for node in ast.walk(parse(ROOT / "plugins" / plugin / "plugin.py")):
        match node:
            case ast.Call(func=ast.Attribute(ast.Name("registry"), what), args=[ast.Constant(str(kind)), *_]):
                found |= {kind} - ({kind} if what in NO_KINDS else set())
    return found


KINDS = {plugin: registered(plugin) for plugin in PLUGINS}


def named(text: str, package: str) -> bool:
    """Whether a string in a package names something of other plugins alone."""
    target = _TARGET.fullmatch(text)
    if target:
        return target[1] in PLUGINS and target[1] != package
    foreign = {kind for plugin in PLUGINS for kind in KINDS[plugin]} - KINDS.get(package, set())
    return bool(kinds_in(text) & foreign)


def names_of_others(package: str) -> dict[str, list[str]]:
    """The strings of a package that name other plugins, and where each stands."""
    found: dict[str, list[str]] = {}
    for path in sources(package):
        for line, text in strings(parse(path)):
            if named(text, package) and text not in WORDS.get(package, set()):
                found.setdefault(text, []).append(f"{path.relative_to(ROOT)}:{line}")
    return found


def imports_that(package: str, is_bad: Callable[[str], bool]) -> list[str]:
    """The imports in a package that are bad, and where each stands."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(package)
        for line, name in imported(parse(path), package)
        if is_bad(name)
    ]


def test_every_folder_has_one_entry_point_and_every_entry_point_a_folder() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["invkit"]
    assert points == {name.removeprefix("invkit_"): f"{name}.plugin" for name in PLUGINS}
    folders = {path.name for path in (ROOT / "plugins").iterdir() if path.name != "__pycache__"}
    assert folders == set(PLUGINS), "the wheel takes all of plugins/ along"


def test_nothing_else_lists_the_plugins() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert {name: text.count(name) for name in PLUGINS} == dict.fromkeys(PLUGINS, 1)


def test_dependencies_in_the_experiments_point_one_way() -> None:
    """Commands know studies, studies the engine, the engine inputs and outputs, and nothing back."""
    floors = [("bench", "demo"), ("studies",), ("engine",), ("inputs", "output")]
    for level, names in enumerate(floors):
        above = {f"invkit_experiments.{name}" for floor in floors[:level] for name in floor}
        for name in names:
            folder = ROOT / "plugins" / "invkit_experiments"
            paths = [folder / f"{name}.py"] if level == 0 else sorted((folder / name).rglob("*.py"))
            assert paths
            for path in paths:
                found = {".".join(each.split(".")[:2]) for _, each in imported(parse(path))}
                assert not found & above, path


@pytest.mark.parametrize("package", ["invkit", *PLUGINS])
def test_no_import_of_another_plugin(package: str) -> None:
    others = set(PLUGINS) - {package}
    assert not imports_that(package, lambda name: name.partition(".")[0] in others)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_only_what_invkit_makes_public(plugin: str) -> None:
    def private(name: str) -> bool:
        parts = name.split(".")
        return parts[0] == "invkit" and (
            any(part.startswith("_") and not part.endswith("__") for part in parts)
            or any(".".join(parts[: i + 1]) in PRIVATE for i in range(len(parts)))
        )

    assert not imports_that(plugin, private)


@pytest.mark.parametrize("package", ["invkit", *PLUGINS])
def test_no_name_of_another_plugin(package: str) -> None:
    found = names_of_others(package)
    assert not found, "\n".join(f"{', '.join(where)}: {text!r}" for text, where in found.items())


@pytest.mark.parametrize("package", ["invkit", *PLUGINS])
def test_no_exception_is_left_over(package: str) -> None:
    there = {text for path in sources(package) for _, text in strings(parse(path))}
    assert not WORDS.get(package, set()) - there


def test_kinds_are_found() -> None:
    assert {"vae", "gan"} == KINDS["invkit_generative"]
    assert KINDS["invkit_experiments"] == set()  # commands


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('x = "evidence"', True),
        ('x = "gaussian:celeba?rank=64"', True),
        ('x = f"known:{path}?normalise=sum"', True),
        ('x = "vae:mnist | circconv"', True),
        ('x = {"solver": "darkprior?steps=3,rate=0.1"}', True),
        ('x = "invkit_gaussian.gaussian:Gaussian"', True),
        ('x = "invkit_gaussian"', True),
        ('x = "vae:mnist"', False),
        ('x = "invkit_generative.decoder:VAE"', False),
        ('x = "write gaussian:NAME"', False),
        ('x = "evidence: a search"', False),
        ('x = "evidence?"', False),
        ('x = f"evidence of {path}"', False),
        ('"gaussian:celeba"', False),
        ('__all__ = ["evidence"]', False),
        ('def f():\n    "evidence"', False),
    ],
)
def test_what_names_another_plugin(code: str, names: bool) -> None:
    assert any(named(text, "invkit_generative") for _, text in strings(ast.parse(code))) == names


def test_imports_are_found_wherever_they_stand() -> None:
    code = "import a.b\ndef f():\n    from c import d\n    from . import e"
    assert [name for _, name in imported(ast.parse(code), "p")] == ["a.b", "c", "c.d", "p", "p.e"]
