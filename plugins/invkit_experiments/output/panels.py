"""Pictures of a study: as text for its records and its page, and laid out as the paper's figures.

uri = encoded(image)                     # "data:image/png;base64,…"
decoded(uri)                             # (channels, height, width) in [0, 1] again
panels(gallery)["celeba-blurA"]          # rows of cells for invkit.files.panels.write_panel
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from invkit.files.images import to_picture
from invkit.files.panels import Cell as Tile
from invkit.files.panels import kernel_cell
from invkit_experiments.output.report import Cell, Gallery

__all__ = ["decoded", "encoded", "panels"]

_HEAD = "data:image/png;base64,"


def encoded(picture: Tensor) -> str:
    """An image (channels, height, width), clipped to [0, 1], as the data URI of an 8-bit PNG."""
    stream = io.BytesIO()
    to_picture(picture.detach().cpu().numpy()).save(stream, format="PNG", optimize=True)
    return _HEAD + base64.b64encode(stream.getvalue()).decode("ascii")


def decoded(uri: str) -> Float32[np.ndarray, "channels height width"]:
    """The image of a data URI that `encoded` made."""
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(_HEAD)))) as picture:
        values = np.asarray(picture, dtype=np.float32) / 255
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def panels(gallery: Gallery) -> dict[str, list[list[Tile]]]:
    """Case → the rows of its panel, an image a row: original, its kernel, blurry, and every method's PSNR.

    The first images are shown, as many as the study says; nothing is picked.
    """
    return {
        case: [_row(cells, gallery.kernels_shown) for cells in images.values()]
        for case, images in gallery.images().items()
    }


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
