"""Writes the parts of the documentation that follow from the program, between markers in the pages.

    python docs/generate.py                        # commands and their --help, names, recipes, cards
    python docs/generate.py --check                # exit code 1 where a page is not current
    python docs/generate.py --bench invkit-bench   # measured tables and curves from its folder, too

A marker is ``<!-- begin NAME -->`` … ``<!-- end NAME -->``; what is between them is replaced.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click

from invkit.cli.main import cli
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import CORE_COMMANDS, KINDS

DOCS = Path(__file__).resolve().parent
# kinds without a table of names in choosing.md; experiments have one in results.md
ELSEWHERE = ("trainer", "experiment", "command")
# marker: (its table in the folder of `invkit bench`, page)
BENCH = {
    "digits": ("digits.md", "results/digits.md"),
    "presets": ("presets/digits.md", "results/digits.md"),
    "kernels": ("kernels.md", "priors.md"),
    "priors": ("priors.md", "priors.md"),
    "asim2020": ("asim2020.md", "results/asim2020.md"),
    "asim2020-few": ("few/asim2020.md", "results/asim2020.md"),
    "asim2020-printed": ("printed/asim2020.md", "results/asim2020.md"),
    "phase": ("phase.md", "solvers.md"),
    "table1": ("table1.md", "results/table1.md"),
    "table1-printed": ("printed/table1.md", "results/table1.md"),
    "table2": ("table2.md", "results/table2.md"),
    "table2-printed": ("printed/table2.md", "results/table2.md"),
    "table3": ("table3.md", "results/table3.md"),
    "table3-printed": ("printed/table3.md", "results/table3.md"),
    "photographs": ("photographs.md", "results/photographs.md"),
    "levin": ("levin.md", "results/levin.md"),
    "text": ("text.md", "photographs.md"),
    "fig2": ("fig2.md", "results/figures.md"),
    **{f"fig{number}": (f"fig{number}.md", "results/figures.md") for number in (5, 6, 7, 8, 9)},
    "fig10": ("fig10.md", "results/figures.md"),
}
# the same of `python -m benchmarks.…`, which writes into that folder, too
MEASURED = {"real-photographs": ("real-photographs.md", "photographs.md")}
# pictures of that folder that pages show
PICTURES = (
    "phase-real.png",
    "phase-complex.png",
    "fig5-mnist-blurA.png",
    "fig5-mnist-blurB.png",
    "fig6-house-numbers.png",
    "fig7-celeba.png",
    "fig8-celeba.png",
    *(f"fig9-{kind}-{level}.png" for kind in ("celeba", "house-numbers") for level in (10, 20, 30)),
)
# the loss of a kind's recipes; those of a VAE name their likelihood, those for diffusion have squares
LOSSES = {"gan": "adversarial", "denoiser": "absolute error"}
# the levels of noise, times 255, that the cards of denoisers have figures of
DENOISED = (5, 15, 25, 50)
WIDTH = 100


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def names(kind: str) -> str:
    """What invkit itself registers under a kind."""
    entries = [e for e in default_manager().registry.entries(kind) if e.distribution == "invkit"]
    return table(["name", "what"], [(f"`{entry.name}`", entry.summary) for entry in entries])


def commands() -> Iterator[str]:
    """The names of invkit's own commands, those of its plugins and commands of commands included."""
    plugins = default_manager().registry.entries("command")
    for name in [*CORE_COMMANDS, *(entry.name for entry in plugins if entry.distribution == "invkit")]:
        command = cli.get_command(click.Context(cli, info_name="invkit"), name)
        assert command is not None, name
        yield name
        for inner in getattr(command, "commands", {}):
            yield f"{name} {inner}"


def help_text(path: str) -> str:
    """What ``invkit PATH --help`` prints, at a fixed width."""
    settings = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(cli, info_name="invkit", **settings)
    for name in path.split():
        assert isinstance(context.command, click.Group), path
        command = context.command.get_command(context, name)
        assert command is not None, path
        context = click.Context(command, info_name=name, parent=context)
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def command_pages() -> str:
    """A section for every command."""
    sections = []
    for path in commands():
        sections.append(f"## invkit {path}\n\n```text\n{help_text(path)}\n```")
    return "\n\n".join(sections)


def recipes() -> str:
    """The shipped recipes of every trainer of priors that are networks."""
    rows = []
    registry = default_manager().registry
    priors = {entry.name for entry in registry.entries("prior")}
    for entry in registry.entries("trainer"):
        if entry.distribution != "invkit" or entry.name not in priors:
            continue
        networks = {k: v for k, v in entry.load()().recipes().items() if "architecture" in v}
        for name, recipe in sorted(networks.items()):
            loss = LOSSES.get(entry.name) or str(recipe.get("likelihood", "bernoulli"))
            if recipe.get("diffusion"):
                loss = "squared error"
            if "of" in recipe:
                loss = f"latents of `{recipe['of']}`"
            if "variance" in recipe:
                loss += f", variance {recipe['variance']:g}"
            options = ", ".join(f"{k} = {v}" for k, v in recipe.get("architecture_options", {}).items())
            network = f"`{recipe['architecture']}`" + (f" ({options})" if options else "")
            numbers = (str(recipe["epochs"]), str(recipe["batch"]), f"{recipe['learning_rate']:g}")
            rows.append((f"`{entry.name}:{name}`", f"`{recipe['data']}`", network, loss, *numbers))
    columns = ["prior", "data", "architecture", "loss", "epochs", "batch", "peak learning rate"]
    return table(columns, rows)


def cards() -> str:
    """What the cards of the shipped priors say was measured."""
    from invkit.files.store import find, read_card, user_store
    from invkit.files.store import names as trained

    registry = default_manager().registry
    rows = []
    shipped = [("gan", name) for name in trained(registry, "gan")]
    shipped += [("vae", name) for name in trained(registry, "vae")]
    for kind, name in shipped:
        path = find(registry, kind, name)
        if path.is_relative_to(user_store()):
            continue
        card = read_card(path)
        figures = card["metrics"]
        rows.append(
            (
                f"`{kind}:{name}`",
                f"{path.stat().st_size / 1e6:.1f}",
                str(figures.get("test_signals") or figures.get("validation_signals", "–")),
                *(
                    f"{figures[key]:.4f}" if key in figures else "–"
                    for key in ("reconstruction_ncc", "reconstruction_ncc_worst_5_percent")
                ),
                *(
                    f"{figures[key]:.2f} dB" if key in figures else "–"
                    for key in ("reconstruction_psnr", "range_floor_psnr")
                ),
                str(card["recipe"].get("steps", "–")),
            )
        )
    columns = ["prior", "MB", "held-out signals", "mean NCC", "5 % quantile", "mean PSNR", "range floor"]
    return table([*columns, "steps trained"], rows)


def gaussians() -> str:
    """What the cards of the shipped Gaussian priors say."""
    from invkit.files.store import find, read_card
    from invkit.files.store import names as trained

    registry = default_manager().registry
    rows = []
    for name in trained(registry, "gaussian"):
        path = find(registry, "gaussian", name)
        card = read_card(path)
        figures, recipe = card["metrics"], card["recipe"]
        keys = ("psnr_blurry", "psnr_true_kernel", "range_floor_psnr")
        decibels = [f"{figures[key]:.2f} dB" if key in figures else "–" for key in keys]
        size = f"{path.stat().st_size / 1e6:.1f}"
        row = (f"`gaussian:{name}`", size, f"`{recipe['data']}`", recipe["colour"], str(recipe["rank"]))
        rows.append((*row, *decibels))
    columns = ["prior", "MB", "data", "colour", "components", "blurry", "true kernel", "range floor"]
    return table(columns, rows)


def denoisers() -> str:
    """A table of the shipped denoisers: size, data and PSNR in colour and grey, from their cards."""
    from invkit.files.store import find, read_card
    from invkit.files.store import names as trained

    registry = default_manager().registry
    rows = []
    for name in trained(registry, "denoiser"):
        path = find(registry, "denoiser", name)
        card = read_card(path)
        figures, recipe = card["metrics"], card["recipe"]
        size = f"{path.stat().st_size / 1e6:.1f}"
        for kind, of in (("", "colour"), ("grey_", "grey")):
            if f"{kind}psnr_{DENOISED[0]}" in figures:
                decibels = [f"{figures[f'{kind}psnr_{level}']:.2f} dB" for level in DENOISED]
                own = (f"`denoiser:{name}`", size, f"`{recipe['data']}`", str(recipe["steps"]), of)
                rows.append((*own, *decibels))
    levels = [f"σ = {level}/255" for level in DENOISED]
    return table(["prior", "MB", "data", "steps trained", "pictures", *levels], rows)


def gallery() -> str:
    """Thumbnails of the examples, and a section for each: what it shows, its picture and its code."""
    described = spec_from_file_location("docs_gallery", DOCS / "gallery.py")
    assert described is not None and described.loader is not None
    module = sys.modules[described.name] = module_from_spec(described)
    described.loader.exec_module(module)
    thumbnails, sections = [], []
    for path in module.examples():
        (first, *cells), picture = module.cells(path.read_text("utf-8")), f"images/gallery/{path.stem}.png"
        heading, _, about = first.text.partition("\n\n")
        title = heading.removeprefix("# ")
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        image = f'<img src="{picture}" alt="{title}"'
        thumbnails.append(f'[{image} width="240" loading="lazy">](#{anchor})')
        code = "\n\n".join(
            f"```python no-run\n{cell.text}\n```" if cell.kind == "code" else cell.text for cell in cells
        )
        source = f"*`examples/gallery/{path.name}`*"
        sections.append(f"## {title}\n\n{about}\n\n{image}>\n\n{source}\n\n{code}")
    return "\n".join(thumbnails) + "\n\n" + "\n\n".join(sections)


def generated() -> dict[str, dict[str, str]]:
    """Page → marker → text."""
    return {
        "cli.md": {"commands": command_pages()},
        "gallery.md": {"gallery": gallery()},
        "choosing.md": {plural: names(kind) for kind, plural in KINDS.items() if kind not in ELSEWHERE},
        "results.md": {"experiments": names("experiment")},
        "priors.md": {
            "recipes": recipes(),
            "cards": cards(),
            "gaussians": gaussians(),
            "denoisers": denoisers(),
        },
    }


def replaced(page: str, name: str, text: str) -> str:
    """A page with the text between the markers of a name replaced."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    assert len(pattern.findall(page)) == 1, f"a page needs {begin} … {end} once"
    return pattern.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page)


def stale() -> dict[Path, str]:
    """Pages that are not what they should be, with what they should be."""
    pages = {}
    for file, parts in generated().items():
        path = DOCS / file
        page = old = path.read_text("utf-8")
        for name, text in parts.items():
            page = replaced(page, name, text)
        if page != old:
            pages[path] = page
    return pages


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where a page is not current.")
@click.option("--bench", type=click.Path(path_type=Path, exists=True), help="A folder of `invkit bench`.")
def main(check: bool, bench: Path | None) -> None:
    """Bring the generated parts of the pages up to date."""
    pages = stale()
    if check:
        for path in pages:
            click.echo(f"{path} is not current: python docs/generate.py", err=True)
        sys.exit(bool(pages))
    for path, page in pages.items():
        path.write_text(page, "utf-8")
    for name, (made, file) in (BENCH | MEASURED).items() if bench is not None else ():
        found = bench / made
        if found.exists():
            path = DOCS / file
            path.write_text(replaced(path.read_text("utf-8"), name, found.read_text("utf-8")), "utf-8")
    for name in PICTURES if bench is not None else ():
        if (bench / name).exists():
            shutil.copyfile(bench / name, DOCS / "images" / name)


if __name__ == "__main__":
    main()
