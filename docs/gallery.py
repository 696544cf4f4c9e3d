"""The examples in ``examples/gallery``: run, drawn, and written as notebooks.

    python docs/gallery.py                                  # run all, draw docs/images/gallery/NAME.png
    python docs/gallery.py missing_pixels confidence        # these alone
    python docs/gallery.py --notebooks build/notebooks      # write notebooks; nothing is run

An example is a script. Its cells begin with ``# %%``, or with ``# %% [markdown]`` where they are text in
comments. Its docstring is the first cell: a heading and what it shows. VS Code and Spyder open it as it is.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any, Literal

import attrs
import click

GALLERY = Path(__file__).resolve().parents[1] / "examples" / "gallery"
PICTURES = Path(__file__).resolve().parent / "images" / "gallery"
_MARK = re.compile(r"^# %%(?P<markdown> \[markdown\])?$", re.MULTILINE)


@attrs.frozen
class Cell:
    """A cell of a notebook."""

    kind: Literal["markdown", "code"]
    text: str


def examples() -> list[Path]:
    """The scripts."""
    return sorted(GALLERY.glob("*.py"))


def cells(script: str) -> list[Cell]:
    """The cells of a script, its docstring the first."""
    docstring, *rest = _MARK.split(script)
    made = [Cell("markdown", docstring.strip().removeprefix('"""').removesuffix('"""').strip())]
    for markdown, text in zip(rest[::2], rest[1::2], strict=True):
        if markdown:
            lines = (line.removeprefix("#").removeprefix(" ") for line in text.strip().splitlines())
            made.append(Cell("markdown", "\n".join(lines)))
        else:
            made.append(Cell("code", text.strip()))
    return made


def notebook(script: str) -> dict[str, Any]:
    """A script as a Jupyter notebook of format 4.5, without outputs."""
    made = []
    for number, cell in enumerate(cells(script)):
        code = {"execution_count": None, "outputs": []} if cell.kind == "code" else {}
        source = cell.text.splitlines(keepends=True)
        made.append(
            {"cell_type": cell.kind, "id": f"cell-{number}", "metadata": {}, "source": source, **code}
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def run(path: Path, folder: Path) -> tuple[dict[str, Any], list[bytes]]:
    """Run an example in a folder; return its names, and the pictures that it has shown, as PNG."""
    os.environ["MPLBACKEND"] = "Agg"
    import matplotlib.pyplot as plt

    shown: list[bytes] = []

    def show() -> None:
        for number in plt.get_fignums():
            stream = io.BytesIO()
            plt.figure(number).savefig(stream, format="png", dpi=80)
            shown.append(stream.getvalue())
        plt.close("all")

    names: dict[str, Any] = {"__name__": "__main__"}
    before, plt.show = plt.show, show
    try:
        with chdir(folder):
            exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
    finally:
        plt.show = before
        plt.close("all")
    return names, shown


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--notebooks", type=click.Path(path_type=Path), help="Write notebooks into this folder instead."
)
def main(names: tuple[str, ...], notebooks: Path | None) -> None:
    """Run the examples, or those of these names, and draw their pictures."""
    for path in examples():
        if names and path.stem not in names:
            continue
        if notebooks is not None:
            notebooks.mkdir(parents=True, exist_ok=True)
            text = json.dumps(notebook(path.read_text("utf-8")), indent=1, ensure_ascii=False)
            (notebooks / f"{path.stem}.ipynb").write_text(f"{text}\n", "utf-8")
            continue
        click.echo(f"== {path.stem}")
        with tempfile.TemporaryDirectory() as folder:
            _, (picture,) = run(path, Path(folder))
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / f"{path.stem}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
