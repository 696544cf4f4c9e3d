"""Pictures of results: a labelled grid of images, one row for each measurement.

    row = recovery_row(blurry=y, recovered=x, kernel=w, reblurred=y_hat)
    write_panel("panel.png", [row])

A cell is a pair `(label, image)`. What follows a line break in the label is a caption, written under the
image; the first line is the column's title, written once above the column as long as the rows agree on it.
Small images are enlarged by whole factors, so that every pixel stays a visible square.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from invkit.errors import OutputError
from invkit.files.atomic import atomic_write
from invkit.files.images import as_image, to_picture
from invkit.files.png import COMPRESSION

Cell = tuple[str, Any]
"""A label and an image: `(height, width)` or `(1 or 3, height, width)` in [0, 1]."""

_SMALLEST, _LARGEST = 128, 640  # pixels of an image's shorter and longer side in the picture
_MARGIN, _GAP = 16, 12
_TITLE, _CAPTION = 15, 13  # sizes of letters
_INK, _FAINT, _PAPER, _FRAME = (25, 25, 25), (95, 95, 95), (255, 255, 255), (205, 205, 205)
# The ends of ColorBrewer's RdBu; its middle is white, as is the paper, hence the frames.
_RED, _BLUE = np.array([178.0, 24.0, 43.0]) / 255, np.array([33.0, 102.0, 172.0]) / 255


def panel(rows: Sequence[Sequence[Cell]]) -> UInt8[np.ndarray, "height width rgb"]:
    """Draw a labelled grid of images.

    Args:
        rows: each a sequence of cells; rows may differ in length, images in size.

    Returns:
        The picture, 8-bit RGB, `(height, width, 3)`.

    Raises:
        OutputError: no cell at all, or an image of another shape, empty or not finite.
    """
    grid = [[_Tile.of(label, image) for label, image in row] for row in rows]
    if not any(grid):
        raise OutputError("no images to draw in a panel", hint="give rows of (label, image)")
    columns = max(map(len, grid))
    widths = [max(row[c].width for row in grid if c < len(row)) for c in range(columns)]
    titles = [[tile.title for tile in row] for row in grid]
    # a row needs its titles unless the row above has the same
    titled = [i == 0 or titles[i] != titles[i - 1] for i in range(len(grid))]
    heights = [_row_height(row, shown) for row, shown in zip(grid, titled, strict=True)]
    width = 2 * _MARGIN + sum(widths) + _GAP * (columns - 1)
    height = 2 * _MARGIN + sum(heights) + _GAP * (len(grid) - 1)
    canvas = Image.new("RGB", (width, height), _PAPER)
    top = _MARGIN
    for row, row_height, shown in zip(grid, heights, titled, strict=True):
        left = _MARGIN
        for tile, column_width in zip(row, widths, strict=False):
            _draw(canvas, tile, left + column_width // 2, top, row, shown)
            left += column_width + _GAP
        top += row_height + _GAP
    return np.asarray(canvas)


def write_panel(path: str | os.PathLike[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Draw a `panel` and write it atomically as PNG.

    Raises:
        OutputError: a suffix other than `.png`, bad cells, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise OutputError(f"a panel is written as PNG, not {path.name!r}", hint=f"name it {path.stem}.png")
    made = panel_bytes(rows)
    with atomic_write(path) as stream:
        stream.write(made)


def panel_bytes(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Draw a `panel` as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(panel(rows)).save(stream, format="PNG", compress_type=COMPRESSION)
    return stream.getvalue()


def recovery_row(
    *,
    blurry: Any,
    recovered: Any,
    kernel: Any = None,
    reblurred: Any = None,
    truth: Any = None,
    true_kernel: Any = None,
) -> list[Cell]:
    """The cells that show one recovery, from the truth, where known, to the residual.

    Args:
        blurry: the measurement `y`, `(channels, height, width)` in [0, 1].
        recovered: the recovered image.
        kernel: the recovered kernel, of any scale; None where none was recovered.
        reblurred: `A(w, x)`, of the shape of `blurry`; the residual drawn is `blurry − reblurred`. None
            without a kernel.
        truth, true_kernel: where known.

    Returns:
        Cells for `panel`.
    """
    cells = [("blurry", blurry), ("recovered", recovered)]
    if kernel is not None:
        cells.append(kernel_cell(kernel))
    if reblurred is not None:
        cells += [("re-blurred", reblurred), residual_cell(_drawn(blurry) - _drawn(reblurred))]
    if true_kernel is not None:
        cells.insert(2, kernel_cell(true_kernel, "true kernel"))
    if truth is not None:
        cells.insert(0, ("truth", truth))
    return cells


def kernel_cell(kernel: Any, label: str = "kernel") -> Cell:
    """A cell that shows a kernel scaled to its maximum, negative values as black.

    Args:
        kernel: `(height, width)`, `(1 or 3, height, width)`, or any other number of kernels: a grid of
            them, as square as can be, row by row; one where all are equal.
        label: the column's title.
    """
    values = _drawn(_grid(distinct(kernel)))
    peak = float(values.max())
    return label, np.clip(values / peak, 0.0, 1.0) if peak > 0 else np.zeros_like(values)


def distinct(kernel: Any) -> npt.NDArray[Any]:
    """Kernels of many places, of which one is enough where all are equal; others as they are.

    Args:
        kernel: `(height, width)` or `(kernels, height, width)`.
    """
    values = array(kernel)
    return values[:1] if values.ndim == 3 and (values == values[:1]).all() else values


def _grid(kernels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """More kernels than a picture has channels, side by side, without the rows and columns empty in all."""
    if kernels.ndim != 3 or len(kernels) in (1, 3) or 0 in kernels.shape:
        return kernels
    used = [np.flatnonzero((kernels > 0).any((0, axis))) for axis in (2, 1)]
    if all(map(len, used)):
        kernels = kernels[:, used[0][0] : used[0][-1] + 1, used[1][0] : used[1][-1] + 1]
    columns = math.ceil(math.sqrt(len(kernels)))
    rows = math.ceil(len(kernels) / columns)
    kernels = np.pad(kernels, ((0, rows * columns - len(kernels)), (1, 1), (1, 1)))
    cells = kernels.reshape(rows, columns, *kernels.shape[1:]).swapaxes(1, 2)
    return cells.reshape(rows * cells.shape[1], -1)


def residual_cell(residual: Any, scale: float | None = None, label: str = "residual") -> Cell:
    """A cell that shows signed values, zero in the middle of the range, with the scale in its caption.

    One channel is drawn in diverging colour, red for +scale, white for 0, blue for −scale; three channels
    each as grey around ½.

    Args:
        residual: `(height, width)` or `(1 or 3, height, width)`, of any scale.
        scale: the magnitude drawn at full strength; the largest there is by default.
        label: the column's title.

    Raises:
        OutputError: `scale` is not positive.
    """
    values = _drawn(residual)
    if scale is not None and not scale > 0:
        raise OutputError(f"expected a positive scale for a residual, got {scale}", hint="leave it out")
    limit = float(np.abs(values).max()) if scale is None else scale
    unit = np.clip(values / limit, -1.0, 1.0) if limit > 0 else np.zeros_like(values)
    return f"{label}\n±{limit:.2g}", _diverging(unit[0]) if len(unit) == 1 else (unit + 1) / 2


@attrs.frozen(eq=False)
class _Tile:
    """An enlarged image with its title and caption."""

    title: str
    caption: str
    picture: Image.Image

    @classmethod
    def of(cls, label: str, image: Any) -> _Tile:
        title, _, caption = label.partition("\n")
        return cls(title, caption, _resize(to_picture(_drawn(image)).convert("RGB")))

    @property
    def width(self) -> int:
        needed = max(_font(_TITLE).getlength(self.title), _font(_CAPTION).getlength(self.caption))
        return max(self.picture.width + 2, math.ceil(needed))


def _draw(
    canvas: Image.Image, tile: _Tile, centre: int, top: int, row: Sequence[_Tile], titled: bool
) -> None:
    """Title, framed image and caption, centred on a vertical line; the images of a row share their middle."""
    pen = ImageDraw.Draw(canvas)
    if titled:
        pen.text((centre, top), tile.title, fill=_INK, font=_font(_TITLE), anchor="ma")
        top += _line(_TITLE)
    tallest = max(other.picture.height for other in row) + 2
    left, upper = centre - tile.picture.width // 2, top + (tallest - tile.picture.height) // 2
    canvas.paste(tile.picture, (left, upper))
    pen.rectangle(
        (left - 1, upper - 1, left + tile.picture.width, upper + tile.picture.height), outline=_FRAME
    )
    pen.text((centre, top + tallest + 3), tile.caption, fill=_FAINT, font=_font(_CAPTION), anchor="ma")


def _row_height(row: Sequence[_Tile], titled: bool) -> int:
    tallest = max((tile.picture.height for tile in row), default=0) + 2
    captions = _line(_CAPTION) if any(tile.caption for tile in row) else 0
    return tallest + captions + (_line(_TITLE) if titled else 0)


def _resize(picture: Image.Image) -> Image.Image:
    """Small images by a whole factor with their pixels kept, very large ones averaged down."""
    shorter, longer = min(picture.size), max(picture.size)
    if longer > _LARGEST:
        scale = _LARGEST / longer
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.BOX)
    # A long thin image (a signal drawn as a strip) is not enlarged beyond the picture's bounds.
    factor = max(1, min(math.ceil(_SMALLEST / shorter), _LARGEST // longer))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _diverging(unit: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(height, width)` in [−1, 1] as `(3, height, width)`: blue, white, red."""
    strength = np.abs(unit)[None]
    end = np.where(unit[None] > 0, _RED.reshape(3, 1, 1), _BLUE.reshape(3, 1, 1))
    return np.asarray((1 - strength) + strength * end)


def array(image: Any) -> npt.NDArray[Any]:
    """A tensor or an array as a numpy array."""
    return np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)


def _drawn(image: Any) -> npt.NDArray[np.float32]:
    return as_image(image, "draw a panel")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _line(size: int) -> int:
    return size + 7
