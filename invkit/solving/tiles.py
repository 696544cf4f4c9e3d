"""Large pictures in overlapping tiles, the seams blended.

    for tile in tiles((2912, 4368), (44, 44), AREA):
        tile.measured            # its part of the measurement: two slices
        tile.scene               # its part of what was measured, larger by `reach`
        tile.share               # a weight for each axis; over all tiles they add up to 1 at every pixel
    for tile in cells((321, 481), (20, 20), (5, 5), AREA):       # as many as there are kernels

A tile is deconvolved by itself, what lies beyond it unknown. Near a tile's border that is felt, so tiles
overlap by several times the kernel's reach, and only in the middle third of an overlap one goes over into the
next. Tiles with kernels of their own are cells of equal size with the same margin around them, and go over
into each other along half a cell: a neighbour's kernel is nearly as right there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import attrs
import torch
from torch import Tensor

from invkit.contracts.linear import Shape

AREA = 1 << 19
"""Pixels of a tile, about: several spectra of three channels take some ten megabytes each."""

_REACHES, _LEAST_OVERLAP = 2, 32


@attrs.frozen(eq=False)
class Tile:
    """One tile: its place in the measurement and in the scene, its share of pixels along each axis."""

    measured: tuple[Any, ...]
    scene: tuple[Any, ...]
    share: tuple[Tensor, ...]

    def of_measured(self, reach: Shape) -> Tensor:
        """The share of every pixel of its part of the measurement, the middle of that of the scene."""
        whole = torch.ones((), dtype=torch.float64)
        for share, more in zip(self.share, reach, strict=True):
            whole = whole[..., None] * share[more // 2 : len(share) - (more - more // 2)]
        return whole

    @property
    def counted(self) -> tuple[slice, ...]:
        """The part of the tile that has a share in the whole."""
        ends = [share.nonzero()[[0, -1], 0].tolist() for share in self.share]
        return tuple(slice(first, last + 1) for first, last in ends)


def tiles(size: Shape, reach: Shape, area: int) -> Iterator[Tile]:
    """The tiles of a measurement of ``size``, row by row.

    Args:
        size: lengths of the measurement's axes.
        reach: by how much the scene is longer, along each axis.
        area: pixels of a tile, about.
    """
    side = int(area ** (1 / len(size)))
    axes = [_intervals(n, k, max(side, 4 * _overlap(k))) for n, k in zip(size, reach, strict=True)]
    for parts in product(*axes):
        yield Tile(*(tuple(each) for each in zip(*parts, strict=True)))


def cells(size: Shape, reach: Shape, counts: Shape, area: int) -> Iterator[Tile]:
    """The tiles of a measurement that is divided into cells, row by row.

    Args:
        size, reach, area: as of :func:`tiles`.
        counts: of cells along each axis, at least; large ones are divided.
    """
    side = int(area ** (1 / len(size)))
    axes = [
        _divided(n, k, min(n, max(count, -(-n // side))))
        for n, k, count in zip(size, reach, counts, strict=True)
    ]
    for parts in product(*axes):
        yield Tile(*(tuple(each) for each in zip(*parts, strict=True)))


def _divided(length: int, reach: int, count: int) -> list[tuple[slice, slice, Tensor]]:
    """One axis: cells with their margins, and shares that go over along half a cell."""
    half, margin = length / count / 4, _overlap(reach) / 3
    borders = [round(number * length / count) for number in range(count + 1)]
    place = torch.arange(length + reach, dtype=torch.float64) + 0.5 - reach / 2
    found = []
    for first, last in pairwise(borders):
        around = round(half + margin)
        start, stop = max(0, first - around), min(length, last + around)
        share = torch.ones_like(place)
        if first > 0:
            share *= ((place - first) / (2 * half) + 0.5).clamp(0, 1)
        if last < length:
            share *= ((last - place) / (2 * half) + 0.5).clamp(0, 1)
        found.append((slice(start, stop), slice(start, stop + reach), share[start : stop + reach]))
    return found


def _overlap(reach: int) -> int:
    return _REACHES * reach + _LEAST_OVERLAP


def _intervals(length: int, reach: int, side: int) -> list[tuple[slice, slice, Tensor]]:
    """One axis: intervals of equal length of the measurement and of the scene, and shares that go over."""
    overlap = _overlap(reach)
    count = max(1, -(-(length - overlap) // (side - overlap)))
    each = -(-(length + (count - 1) * overlap) // count)
    starts = [round(k * (length - each) / max(1, count - 1)) for k in range(count)]
    found = []
    for number, start in enumerate(starts):
        stop = start + each + reach
        share = torch.ones(each + reach, dtype=torch.float64)
        if number:
            share *= _rising(starts[number - 1] + each + reach - start, len(share))
        if number + 1 < count:
            share *= 1 - _rising(stop - starts[number + 1], len(share), end=True)
        found.append((slice(start, start + each), slice(start, stop), share))
    return found


def _rising(overlap: int, length: int, *, end: bool = False) -> Tensor:
    """From 0 to 1 in the middle third of an overlap at the beginning, or the end, of an interval."""
    place = torch.arange(length, dtype=torch.float64) + 0.5 - (length - overlap if end else 0)
    return (3 * place / overlap - 1).clamp(0, 1)
