"""Tiles cover every pixel once in all."""

from __future__ import annotations

import torch
from hypothesis import given as drawn
from hypothesis import strategies as st

from invkit.solving.tiles import cells, tiles

lengths = st.integers(1, 400)


@drawn(lengths, lengths, st.integers(0, 9), st.integers(0, 30), st.integers(500, 20000))
def test_the_shares_of_every_pixel_add_up_to_one(
    height: int, width: int, down: int, right: int, area: int
) -> None:
    total = torch.zeros(height + down, width + right, dtype=torch.float64)
    for tile in tiles((height, width), (down, right), area):
        rows, columns = tile.share
        assert all(each.stop <= n for each, n in zip(tile.measured, (height, width), strict=True))
        assert (rows >= 0).all() and (columns <= 1).all()
        total[tile.scene] += rows[:, None] * columns
    torch.testing.assert_close(total, torch.ones_like(total))


def test_a_small_picture_is_one_tile() -> None:
    (only,) = tiles((100, 90), (8, 8), 1 << 19)
    assert only.measured == (slice(0, 100), slice(0, 90)) and all((share == 1).all() for share in only.share)


@drawn(lengths, lengths, st.integers(0, 9), st.integers(1, 4), st.booleans())
def test_shares_of_what_was_measured_add_up_to_one_too(
    height: int, width: int, half: int, count: int, varies: bool
) -> None:
    """And a tile's border, where the measurement goes on, has none."""
    size, reach = (height, width), (2 * half, 2 * half)
    total = torch.zeros(size, dtype=torch.float64)
    counts = (min(count, height), min(count, width))
    for tile in cells(size, reach, counts, 3000) if varies else tiles(size, reach, 3000):
        share = tile.of_measured(reach)
        assert share.shape == total[tile.measured].shape
        total[tile.measured] += share
    torch.testing.assert_close(total, torch.ones_like(total))
