"""Tiles: their shares add up to one, and pixels near a tile's border have none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_denoiser import tiles as module
from invkit_denoiser.tiles import tiles


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    counts=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    margin=st.integers(0, 9),
)
def test_shares_add_up_to_one(size: tuple[int, int], counts: tuple[int, int], margin: int) -> None:
    total = torch.zeros(size)
    for tile in tiles(size, counts, margin):
        assert tile.share.shape == total[tile.place].shape
        total[tile.place] += tile.share
    assert torch.allclose(total, torch.ones(size), atol=1e-5)


def test_pixels_near_a_border_of_a_tile_have_no_share() -> None:
    for tile in tiles((60, 50), (2, 3), 4):
        for axis, (place, length) in enumerate(zip(tile.place, (60, 50), strict=True)):
            shares = tile.share.movedim(axis, 0)
            assert place.start == 0 or not shares[:4].any()
            assert place.stop == length or not shares[-4:].any()


def test_a_large_picture_has_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(list(tiles((600, 700), (1, 1), 20))) == 1
    monkeypatch.setattr(module, "AREA", 100)
    found = list(tiles((30, 45), (1, 1), 2))
    assert len(found) == 3 * 5
