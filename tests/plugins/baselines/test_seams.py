"""In tiles a picture becomes what it is as a whole."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import Problem, Solution, Status
from invkit_baselines import descent
from invkit_baselines.tv import TV
from tests.plugins.baselines.known import draw, given, kernels, steps_picture


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
