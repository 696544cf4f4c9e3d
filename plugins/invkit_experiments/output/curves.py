"""Curves as a picture: rates between 0 and 1 over a number.

write_curves("phase.png", Curves("L / (K + N)", {"lm": [(1.1, 0.8), (1.5, 1.0)]}, "success rate"))
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from PIL import Image, ImageDraw, ImageFont

from invkit.files.atomic import atomic_write

__all__ = ["Curves", "write_curves"]

_SIZE, _LEFT, _TOP, _RIGHT, _BOTTOM = (760, 420), 60, 24, 190, 52
_INK, _GRID = "#222222", "#dddddd"
_COLOURS = ("#0b6e4f", "#1f5fa8", "#c8553d", "#7d4e9e", "#888888", "#b08900", "#d0479a", "#4aa3a2")


@attrs.frozen
class Curves:
    """Curves of rates in one frame.

    Args:
        across: what the horizontal axis shows.
        lines: name → points (number, rate in [0, 1]) from left to right.
        up: what the vertical axis shows.
    """

    across: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    up: str


def write_curves(path: str | Path, curves: Curves) -> None:
    """Write the picture as a PNG, atomically."""
    stream = io.BytesIO()
    _drawn(curves).save(stream, format="PNG", optimize=True)
    with atomic_write(path) as file:
        file.write(stream.getvalue())


def _drawn(curves: Curves) -> Image.Image:
    picture = Image.new("RGB", _SIZE, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    numbers = sorted({x for line in curves.lines.values() for x, _ in line})
    low, high = (numbers[0], numbers[-1]) if numbers else (0.0, 1.0)
    width, height = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM

    def place(x: float, rate: float) -> tuple[float, float]:
        return _LEFT + width * (x - low) / ((high - low) or 1.0), _TOP + height * (1 - rate)

    for rate in (0.0, 0.25, 0.5, 0.75, 1.0):
        pen.line([place(low, rate), place(high, rate)], fill=_GRID)
        pen.text((_LEFT - 8, place(low, rate)[1]), f"{rate:.0%}", fill=_INK, font=font, anchor="rm")
    for x in numbers:
        pen.line([place(x, 0.0), place(x, 1.0)], fill=_GRID)
        pen.text((place(x, 0.0)[0], _TOP + height + 6), f"{x:g}", fill=_INK, font=font, anchor="ma")
    pen.text((_LEFT + width / 2, _SIZE[1] - 22), curves.across, fill=_INK, font=font, anchor="ma")
    pen.text((_LEFT, 4), curves.up, fill=_INK, font=font)
    for number, (name, line) in enumerate(curves.lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [place(x, rate) for x, rate in line]
        if len(points) > 1:
            pen.line(points, fill=colour, width=3)
        for x, y in points:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
        y = _TOP + 20 * number + 8
        pen.line([(_SIZE[0] - _RIGHT + 16, y), (_SIZE[0] - _RIGHT + 40, y)], fill=colour, width=3)
        pen.text((_SIZE[0] - _RIGHT + 48, y), name, fill=_INK, font=font, anchor="lm")
    return picture
