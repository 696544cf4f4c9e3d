"""Pictures of a study, laid out as the paper's figures: an image a row, a method a column.

panels(gallery)["celeba-blurA"]          # rows of cells for invkit.files.panels.write_panel
"""

from __future__ import annotations

from collections.abc import Sequence

from invkit.files.panels import Cell as Tile
from invkit.files.panels import kernel_cell
from invkit_experiments.output.pictures import decoded
from invkit_experiments.output.report import Cell, Gallery

__all__ = ["panels"]


def panels(gallery: Gallery) -> dict[str, list[list[Tile]]]:
    """Case → the rows of its panel: original, its kernel, blurry, and every method with its PSNR.

    The first images are shown, as many as the study says; nothing is picked.
    """
    made = {}
    for case in gallery.cases:
        cells = [cell for cell in gallery.cells if cell.case == case]
        rows = [
            _row([cell for cell in cells if cell.index == index], gallery.kernels_shown)
            for index in sorted({cell.index for cell in cells})[: gallery.shown]
        ]
        if rows:
            made[case] = rows
    return made


def _row(cells: Sequence[Cell], kernels: bool) -> list[Tile]:
    """One image by all methods; the measurement stands before them, whether or not it is a method."""
    first = cells[0].pictures
    blurry = next((cell for cell in cells if cell.method == "blurry"), None)
    tiles: list[Tile] = [
        ("original", decoded(first["x"])),
        kernel_cell(decoded(first["w"]), "kernel"),
        (f"blurry\n{_psnr(blurry)}", decoded(first["y"])),
    ]
    for cell in cells:
        if cell is blurry:
            continue
        tiles.append((f"{cell.method}\n{_psnr(cell)}", decoded(cell.pictures["found"])))
        if kernels and "kernel" in cell.pictures:
            tiles.append(kernel_cell(decoded(cell.pictures["kernel"]), "its kernel"))
    return tiles


def _psnr(cell: Cell | None) -> str:
    value = None if cell is None else cell.figures.get("psnr")
    return "" if value is None else f"{value:.1f} dB"
