"""What does ``invkit deblur`` make of real photographs? A table of what it says, and pictures to look at.

    OMP_NUM_THREADS=1 python -m benchmarks.real_photographs                  # the eight, into invkit-bench/
    OMP_NUM_THREADS=1 python -m benchmarks.real_photographs mine.jpg         # pictures of your own
    python docs/generate.py --bench invkit-bench                             # the table into the docs

No truth is known, so nothing is scored. The command line runs in a process of its own on each photograph,
with nothing named but the file, as a user would type it. ``real-photographs.md`` has a row for each;
``real-photographs/`` has its files, and ``NAME.png`` with the blurry picture, the result and the kernel side
by side. The eight are those that deblurring papers pass around, in ``INVKIT_DATA/photographs``; they may be
looked at, not passed on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.photographs import Cost, cost
from invkit.files.images import read_image
from invkit.files.panels import Cell, kernel_cell, write_panel

PHOTOGRAPHS = (
    "real_blur_img3.png",
    "real_leaf.png",
    "real_img2.png",
    "roma.png",
    "postcard.png",
    "summerhouse.jpg",
    "toy.png",
    "IMG_4548_small.png",
)
COLUMNS = {
    "photograph": "---",
    "pixels": "---:",
    "status": "---",
    "confidence": "---:",
    "gain": "---:",
    "family": "---",
    "noise": "---:",
    "kernel across": "---:",
    "CPU s": "---:",
    "MB": "---:",
}
#: shapes' numbers that the notes of a record may hold
NUMBERS = ("radius", "length", "angle", "sigma")
#: share of a kernel's largest value that counts as kernel
FAINT = 0.05


def across(kernel: np.ndarray) -> int:
    """How many pixels a kernel (…, h, w) spans, the longer way, where it is not fainter than ``FAINT``."""
    strong = kernel.reshape(-1, *kernel.shape[-2:]).max(0)
    places = np.argwhere(strong > FAINT * strong.max())
    return int((np.ptp(places, axis=0) + 1).max())


def row(name: str, record: Mapping[str, Any], kernel: np.ndarray, spent: Cost) -> list[str]:
    """What a record says of a photograph, a text per column."""
    notes = record.get("notes") or {}
    shape = [f"{key} {notes[key]:.3g}" for key in NUMBERS if key in notes]
    return [
        name,
        f"{record['shape'][2]}×{record['shape'][1]}",
        record["status"],
        _number(record.get("confidence"), ".2f"),
        _number(notes.get("gain"), ".3f"),
        " ".join([str(notes.get("family", "–")).partition("?")[0], ", ".join(shape)]).strip(),
        _number(record.get("noise"), ".4f"),
        str(across(kernel)),
        f"{spent.cpu:.0f}",
        f"{spent.peak:.0f}",
    ]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def side_by_side(path: Path, folder: Path, picture: Path, files: Mapping[str, str | None]) -> None:
    """Write the blurry picture, the result, what it was before it was softened, and the kernel."""
    result = read_image(folder / str(files["sharp"]))
    cells: list[Cell] = [("blurry", read_image(picture)), ("result", result)]
    if files.get("unsoftened"):
        cells.append(("before it was softened", read_image(folder / str(files["unsoftened"]))))
    write_panel(path, [[*cells, kernel_cell(np.load(folder / str(files["kernel_exact"])))]])


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table."""
    return "\n".join("| " + " | ".join(each) + " |" for each in (COLUMNS, COLUMNS.values(), *rows))


def _of_the_data() -> list[Path]:
    data = Path(os.environ.get("INVKIT_DATA") or Path("..") / "shared" / "data").expanduser() / "photographs"
    found = [data / name for name in PHOTOGRAPHS if (data / name).exists()]
    if not found:
        raise click.ClickException(
            f"no photograph in {data}: set INVKIT_DATA to a folder that holds photographs/{PHOTOGRAPHS[0]} "
            "and others, or name pictures"
        )
    return found


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PICTURE]...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("invkit-bench"), show_default=True)
@click.option("--option", "options", multiple=True, help="Passed to invkit deblur, e.g. --option=--seed=1.")
def main(pictures: tuple[Path, ...], out: Path, options: tuple[str, ...]) -> None:
    """Deblur real photographs; write a table of what was said of each, and pictures side by side."""
    rows, folder = [], out / "real-photographs"
    for picture in pictures or _of_the_data():
        command = [sys.executable, "-m", "invkit", "deblur", str(picture), "--out", str(folder), "--quiet"]
        spent = cost([*command, *options])
        if spent.code:
            raise click.ClickException(f"invkit deblur ended with {spent.code} on {picture}")
        record = json.loads((folder / f"{picture.stem}.json").read_text("utf-8"))
        kernel = np.load(folder / record["files"]["kernel_exact"])
        side_by_side(folder / f"{picture.stem}.png", folder, picture, record["files"])
        rows.append(row(picture.stem, record, kernel, spent))
        click.echo("  ".join(rows[-1]))
    (out / "real-photographs.md").write_text(table(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
