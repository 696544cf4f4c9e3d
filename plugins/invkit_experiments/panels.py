"""Pictures of a study, laid out as the paper's figures: an image a row, a method a column.

panels(study, outcome)["celeba-blurA"]       # rows of cells for invkit.files.panels.write_panel
"""

from __future__ import annotations

from collections.abc import Sequence

from invkit.files.panels import Cell as Tile
from invkit.files.panels import kernel_cell
from invkit_experiments.cases import Cell
from invkit_experiments.experiment import Outcome
from invkit_experiments.pictures import decoded
from invkit_experiments.study import Study

__all__ = ["panels"]


def panels(study: Study, outcome: Outcome) -> dict[str, list[list[Tile]]]:
    """Case → the rows of its panel: original, its kernel, blurry, and every method with its PSNR.

    The first images are shown, as many as the study says; nothing is picked.
    """
    made = {}
    for case in study.cases:
        cells: list[Cell] = [cell for cell in outcome.cells if cell.case.name == case.name]
        rows = [
            _row([cell for cell in cells if cell.index == index], study.kernels_shown)
            for index in sorted({cell.index for cell in cells})[: study.shown]
        ]
        if rows:
            made[case.name] = rows
    return made


def _row(cells: Sequence[Cell], kernels: bool) -> list[Tile]:
    """One image by all methods; the measurement stands before them, whether or not it is a method."""
    first = cells[0].pictures
    blurry = next((cell for cell in cells if cell.method.name == "blurry"), None)
    tiles: list[Tile] = [
        ("original", decoded(first["x"])),
        kernel_cell(decoded(first["w"]), "kernel"),
        (f"blurry\n{_psnr(blurry)}", decoded(first["y"])),
    ]
    for cell in cells:
        if cell is blurry:
            continue
        tiles.append((f"{cell.method.name}\n{_psnr(cell)}", decoded(cell.pictures["found"])))
        if kernels and "kernel" in cell.pictures:
            tiles.append(kernel_cell(decoded(cell.pictures["kernel"]), "its kernel"))
    return tiles


def _psnr(cell: Cell | None) -> str:
    value = None if cell is None else cell.figures.get("psnr")
    return "" if value is None else f"{value:.1f} dB"
