"""Spectral angles and abundances: modulo order and unit, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import ShapeError
from invkit.metrics import abundance_rmse, spectral_angle

SEEDS = st.integers(0, 1000)


@given(seed=SEEDS, rank=st.integers(1, 5))
def test_order_and_units_do_not_matter(seed: int, rank: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w, x = torch.rand(9, rank, generator=rng).double() + 0.01, torch.rand(rank, 7, generator=rng).double()
    w, x = w / w.amax(0), x / x.sum(0)
    order, units = torch.randperm(rank, generator=rng), 0.1 + torch.rand(rank, generator=rng).double()
    light = 0.1 + torch.rand(7, generator=rng).double()
    found = (w * units)[:, order], (light * x / units[:, None])[order]
    assert spectral_angle(found[0], w) < 1e-6
    assert abundance_rmse(found, (w, x)) < 1e-9


def test_the_angle_is_the_mean_of_the_best_order() -> None:
    w = np.array([[1.0, 0.0], [0.0, 1.0]])
    turned = np.array([[0.0, 1.0], [1.0, 1.0]])
    angle = spectral_angle(turned, w)
    assert isinstance(angle, np.ndarray) and angle == pytest.approx(math.pi / 8)
    assert spectral_angle(np.zeros((2, 2)), w) == pytest.approx(math.pi / 2)


def test_fractions_are_compared() -> None:
    w = torch.eye(2)
    found = abundance_rmse((w, torch.tensor([[3.0], [1.0]])), (w, torch.tensor([[0.5], [0.5]])))
    assert found == pytest.approx(0.25)
    assert abundance_rmse((w, torch.zeros(2, 1)), (w, torch.tensor([[1.0], [0.0]]))) == pytest.approx(
        0.5**0.5
    )


def test_a_batch_gives_a_figure_each_and_more_estimates_than_truths_are_taken() -> None:
    w = torch.rand(2, 1, 6, 3)
    assert spectral_angle(w, w[..., :2]).shape == (2,)
    assert (spectral_angle(w, w[..., :2]) < 1e-3).all()
    w[1, 0, 0, 0] = torch.nan
    assert (
        spectral_angle(w, w[:1].expand_as(w))[0] < 1e-3 and spectral_angle(w, w[:1].expand_as(w))[1].isnan()
    )


def test_what_does_not_fit_is_refused() -> None:
    w, x = torch.rand(6, 3), torch.rand(3, 4)
    with pytest.raises(ShapeError, match="same bands"):
        spectral_angle(w, torch.rand(5, 3))
    with pytest.raises(ShapeError, match="at least as many"):
        spectral_angle(w[:, :2], w)
    with pytest.raises(ShapeError, match="do not fit"):
        abundance_rmse((w, x), (w, torch.rand(3, 5)))
    with pytest.raises(ShapeError, match="do not fit"):
        abundance_rmse((w, x[:2]), (w, x))
