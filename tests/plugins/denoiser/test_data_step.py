"""The step that meets the measurement: least squares, borders and saturated pixels included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.linear import LinearOperator
from invkit_denoiser.data_step import ByDivision, ByGradients, filled

WEIGHT = 0.05


def blur(operator: str, side: int = 10) -> tuple[LinearOperator, Tensor, Tensor]:
    """A blur by one kernel, a measurement of a random image, and an image z."""
    rng = torch.Generator().manual_seed(0)
    w = torch.rand(1, 1, 4, 3, generator=rng, dtype=torch.float64)
    x, z = torch.rand(2, 1, 2, side, side + 1, generator=rng, dtype=torch.float64)
    linear = invkit.operator(operator).given(w=w / w.sum(), x_shape=tuple(x.shape[1:]))
    return linear, linear(x), z


def exact(linear: LinearOperator, y: Tensor, z: Tensor, weights: Tensor | None = None) -> Tensor:
    matrix = linear.matrix(1, y)[0]
    share = torch.ones_like(y).flatten() if weights is None else weights.flatten()
    normal = matrix.T @ (share[:, None] * matrix) + WEIGHT * torch.eye(z.numel(), dtype=z.dtype)
    right = matrix.T @ (share * y.flatten()) + WEIGHT * z.flatten()
    return torch.linalg.solve(normal, right).reshape(z.shape)


def test_one_division_is_exact_where_all_was_measured() -> None:
    linear, y, z = blur("circconv")
    step = ByDivision(linear.window(), tuple(z.shape[1:]), y)
    assert step.exact and torch.allclose(step(z, WEIGHT), exact(linear, y, z))


@pytest.mark.parametrize("weighted", [False, True])
def test_calls_come_to_the_exact_step_where_some_was_not_measured(weighted: bool) -> None:
    linear, y, z = blur("linconv?mode=valid")
    weights = (torch.rand(y.shape, dtype=y.dtype) > 0.2).to(y) * 0.5 if weighted else None
    step = ByDivision(linear.window(), tuple(z.shape[1:]), y, weights)
    assert not step.exact and step.first().shape == z.shape
    for _ in range(60):
        made = step(z, WEIGHT)
    share = 1.0 if weights is None else 0.5  # the largest weight is the unit of the other
    expected = exact(linear, y, z, None if weights is None else weights / share)
    assert torch.allclose(made, expected, atol=1e-3)


def test_holes_begin_with_the_means_around_them() -> None:
    y = torch.arange(36.0).reshape(1, 1, 6, 6)
    known = torch.ones_like(y, dtype=torch.bool)
    known[..., 2:4, 2:4] = False
    made = filled(y.where(known, torch.nan), known)
    assert torch.equal(made[known], y[known])
    torch.testing.assert_close(made[~known].mean(), y[~known].mean())
    assert made[~known].min() > 7 and made[~known].max() < 28
    assert (filled(y, torch.zeros_like(known)) == 0).all()
    known[:] = False
    known[..., 0, 0] = True
    assert (filled(y + 3, known) == 3).all()  # however far away it is


def test_a_saturated_pixel_holds_nothing_down() -> None:
    linear, y, z = blur("circconv")
    saturated = torch.zeros_like(y, dtype=torch.bool)
    saturated[..., 4, 4] = True
    y[..., 4, 4] -= 0.3  # less than there was
    step = ByDivision(linear.window(), tuple(z.shape[1:]), y, None, saturated)
    for _ in range(200):
        made = step(z, WEIGHT)
    without = (~saturated).to(y)
    assert torch.allclose(made, exact(linear, y, z, without), atol=1e-3)


def test_gradients_take_any_map() -> None:
    linear, y, z = blur("linconv")
    assert torch.allclose(ByGradients(linear, y)(z, WEIGHT), exact(linear, y, z), atol=1e-3)
