"""The quasi-Newton steps of ``pnp``: they go down, arrive, and remember from one function to the next."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invkit_denoiser.quasi_newton import QuasiNewton

Measured = Callable[[Tensor], tuple[float, Tensor]]


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bowl(seed: int, size: int = 6, apart: float = 3.0) -> tuple[Measured, Tensor]:
    """A quadratic function whose curvatures differ by a factor of e to the ``apart``, and its minimum."""
    axes, centre = torch.linalg.qr(normal(seed, size, size))[0], normal(seed + 1, size)
    curvature = axes @ torch.diag(torch.linspace(0, apart, size, dtype=torch.float64).exp()) @ axes.T

    def measured(at: Tensor) -> tuple[float, Tensor]:
        slope = curvature @ (at - centre)
        return float((at - centre) @ slope) / 2, slope

    return measured, centre


@given(seed=st.integers(0, 2**31), steps=st.integers(1, 30))
@settings(max_examples=20, deadline=None)
def test_they_never_go_up(seed: int, steps: int) -> None:
    measured, _ = bowl(seed)
    start = normal(seed + 2, 6)
    assert measured(QuasiNewton()(measured, start, steps))[0] <= measured(start)[0]


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_they_arrive_at_the_minimum_of_a_quadratic_function(seed: int) -> None:
    measured, centre = bowl(seed)
    found = QuasiNewton()(measured, normal(seed + 2, 6), 80)
    torch.testing.assert_close(found, centre, rtol=0, atol=1e-4)


def test_what_they_have_learnt_serves_a_function_that_has_moved() -> None:
    """Two steps of each of twenty functions follow their minimum, which few steps from nothing do not."""
    measured, centre = bowl(0)

    def moved(by: float) -> Measured:
        return lambda at: measured(at - by)

    descend, at = QuasiNewton(), centre + 1
    for number in range(20):
        at = descend(moved(number / 1000), at, 2)
    alone = centre + 1
    for number in range(20):
        alone = QuasiNewton()(moved(number / 1000), alone, 2)
    assert (at - centre - 0.019).norm() < 0.02
    assert (at - centre - 0.019).norm() < (alone - centre - 0.019).norm() / 5


def test_a_function_without_numbers_leaves_the_point_and_what_was_learnt() -> None:
    measured, centre = bowl(0)
    descend = QuasiNewton()
    at = descend(measured, centre + 1, 5)
    assert torch.equal(descend(lambda at: (math.nan, torch.full_like(at, math.nan)), at, 3), at)
    found = descend(measured, at, 80)
    torch.testing.assert_close(found, centre, rtol=0, atol=1e-4)


def test_at_a_minimum_they_stay() -> None:
    measured, centre = bowl(0)
    assert torch.equal(QuasiNewton()(measured, centre, 3), centre)
