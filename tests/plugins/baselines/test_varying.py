"""``tv`` where the kernel varies: cells one by one, beside the slow way and beside one kernel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import invkit
from invkit import Problem, Solution, Status
from invkit.metrics import psnr
from invkit.solving.tiles import cells
from invkit_baselines.tv import TV
from tests.plugins.baselines.known import draw, given, kernels, steps_picture

FLOW = "filterflow?tiles=3x3&boundary=unknown"


def solve(operator: str, w: Tensor, y: Tensor) -> Solution:
    problem = Problem(invkit.operator(operator), (given(w), invkit.prior("identity")))
    return TV(tolerance=1e-4).solve(problem, y, torch.Generator())


def strokes(turn: float) -> Tensor:
    """Nine kernels of 7 × 7: a stroke that leans more and more from left to right, (1, 9, 7, 7)."""
    w = torch.zeros(1, 9, 7, 7)
    for number in range(9):
        for step in torch.linspace(-3, 3, 61).tolist():
            w[0, number, round(3 + step * turn * (number % 3 - 1)), round(3 + step)] += 1
    return w / w.sum((2, 3), keepdim=True)


@pytest.fixture(scope="module")
def blurred() -> tuple[Tensor, Tensor, Tensor]:
    w, scene = strokes(1.0), steps_picture(2, 1, 3, 126).float()
    y = invkit.operator("filterflow?tiles=3x3&mode=valid")(w, scene)
    return w, scene[..., 3:-3, 3:-3], y + 0.01 * (draw(3, *y.shape).float() - 0.5)


@pytest.mark.parametrize(("size", "counts"), [((120, 90), (3, 2)), ((31, 40), (5, 5)), ((4, 300), (9, 1))])
def test_the_shares_of_cells_add_up_to_one(size: tuple[int, int], counts: tuple[int, int]) -> None:
    total = torch.zeros(size[0] + 6, size[1] + 4, dtype=torch.float64)
    for tile in cells(size, (6, 4), counts, 1 << 12):
        rows, columns = tile.share
        assert all(0 <= each.start < each.stop <= n for each, n in zip(tile.measured, size, strict=True))
        total[tile.scene] += rows[:, None] * columns
    torch.testing.assert_close(total, torch.ones_like(total))


def test_equal_kernels_are_solved_as_one() -> None:
    w, x = kernels(1, 2).float(), steps_picture(2, 2, 3, 40).float()
    y = invkit.operator("linconv?boundary=unknown")(w, x)
    one = solve("linconv?boundary=unknown", w, y)
    many = solve(FLOW, w.expand(2, 9, 5, 5), y)
    assert torch.equal(many.x, one.x) and many.status == one.status
    torch.testing.assert_close(many.residual, one.residual)


def test_kernels_of_their_own_are_better_than_one(blurred: tuple[Tensor, Tensor, Tensor]) -> None:
    w, x, y = blurred
    many, one = solve(FLOW, w, y), solve("linconv?boundary=unknown", w[:, 4:5], y)
    assert many.status == (Status.CONVERGED,)
    assert psnr(many.x, x) > psnr(one.x, x) + 1.5
    assert torch.isfinite(many.restarts.objective).all()


def test_an_operator_whose_parts_are_not_measured_by_themselves_is_solved_as_a_whole() -> None:
    """With zeros beyond the border by conjugate gradients, which know the kernels of all pixels."""
    w, x = strokes(1.0)[..., 1:-1, 1:-1], steps_picture(2, 1, 1, 24).float()
    operator = invkit.operator("filterflow?tiles=3x3")
    y = operator(w, x)
    problem = Problem(operator, (given(w), invkit.prior("identity")))
    found = TV(steps=60, weight_x=1e-4).solve(problem, y, torch.Generator())
    assert psnr(found.x, x) > psnr(y, x) + 10


def test_a_neighbour_with_one_kernel_changes_nothing(blurred: tuple[Tensor, Tensor, Tensor]) -> None:
    w, _, y = blurred
    both = torch.cat([w, w[:, :1].expand_as(w)])
    together = solve(FLOW, both, y.repeat(2, 1, 1, 1))
    for row in (0, 1):
        alone = solve(FLOW, both[row : row + 1], y)
        assert torch.equal(together.x[row], alone.x[0]) and together.status[row] == alone.status[0]
