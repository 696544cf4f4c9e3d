"""Tiles cover every pixel once in all; in tiles a picture becomes what it is as a whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st

import invkit
from invkit import Problem, Solution, Status
from invkit_baselines import descent
from invkit_baselines.tiles import tiles
from invkit_baselines.tv import TV
from tests.plugins.baselines.known import draw, given, kernels, steps_picture

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


@pytest.mark.parametrize("operator", ["linconv?boundary=unknown", "linconv?mode=valid"])
def test_seams_cannot_be_seen(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    w, x = kernels(1, 1).float(), steps_picture(2, 1, 3, 230).float()
    y = invkit.operator(operator)(w, x)
    y = y + 0.01 * (draw(3, *y.shape).float() - 0.5)
    whole = _solve(operator, w, y)
    monkeypatch.setattr(descent, "AREA", 100 * 100)
    tiled = _solve(operator, w, y)
    assert not torch.equal(tiled.x, whole.x)
    assert (tiled.x - whole.x).abs().max() < 0.02
    assert (tiled.x - whole.x).square().mean().sqrt() < 1e-3
    assert tiled.status == (Status.CONVERGED,)
    objectives = (float(each.restarts.objective) for each in (tiled, whole))
    assert next(objectives) == pytest.approx(next(objectives), rel=1e-2)
    torch.testing.assert_close(tiled.residual, whole.residual, rtol=1e-2, atol=0)


def _solve(operator: str, w: torch.Tensor, y: torch.Tensor) -> Solution:
    problem = Problem(invkit.operator(operator), (given(w), invkit.prior("identity")))
    return TV(tolerance=1e-4).solve(problem, y, torch.Generator())
