"""Overlapping tiles of a measurement, whose shares add up to one at every pixel.

    for tile in tiles((2912, 4368), (1, 1), margin=45):
        part = y[(..., *tile.place)]                      # solved by itself
        x[(..., *tile.place)] += tile.share * solved(part)

Every axis is divided into cells of equal length, at least as many as asked for, and small enough for tiles
of about :data:`AREA` pixels. A tile is a cell and a margin around it: what lies beyond a tile is unknown, and
its pixels near the border are less certain. One tile goes over into the next along a ramp about the border of
their cells, as wide as half a cell, at most :data:`RAMP` pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import attrs
import torch
from torch import Tensor

__all__ = ["Tile", "tiles"]

AREA = 1 << 20
"""Pixels of a tile without its margin, at most about."""
RAMP = 64
"""The longest ramp, in pixels."""


@attrs.frozen(eq=False)
class Tile:
    """A part of a measurement, and its share in the whole.

    Args:
        place: a slice of every axis.
        share: from 0 to 1, of every pixel of the place.
    """

    place: tuple[slice, ...]
    share: Tensor


def tiles(size: Sequence[int], counts: Sequence[int], margin: int) -> Iterator[Tile]:
    """The tiles of a measurement, row by row.

    Args:
        size: its lengths.
        counts: cells along each axis, at least.
        margin: pixels at a tile's border that have no share, where the measurement goes on.
    """
    side = AREA ** (1 / len(size))
    cells = [min(n, max(count, -int(-n // side))) for n, count in zip(size, counts, strict=True)]
    axes = [_axis(n, count, margin) for n, count in zip(size, cells, strict=True)]
    for parts in product(*axes):
        share = torch.ones(())
        for _, one in parts:
            share = share[..., None] * one
        yield Tile(tuple(place for place, _ in parts), share)


def _axis(length: int, count: int, margin: int) -> list[tuple[slice, Tensor]]:
    """The intervals of an axis and their shares."""
    if count == 1:
        return [(slice(0, length), torch.ones(length))]
    ramp = min(RAMP, length / count / 2)
    pixels = torch.arange(length, dtype=torch.float64) + 0.5
    found = []
    for number in range(count):
        first, last = number * length / count, (number + 1) * length / count
        share = torch.ones_like(pixels)
        if number:
            share *= ((pixels - first) / ramp + 0.5).clamp(0, 1)
        if number + 1 < count:
            share *= ((last - pixels) / ramp + 0.5).clamp(0, 1)
        start, stop = (max(0, int(first - ramp / 2) - margin), min(length, int(last + ramp / 2) + 1 + margin))
        found.append((slice(start, stop), share[start:stop].float()))
    return found
