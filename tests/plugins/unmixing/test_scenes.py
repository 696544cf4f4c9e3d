"""Least squares of abundances, and the completion of matrices with missing entries."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

import invkit
from invkit_unmixing.scenes import abundances, brightness, completed, nonnegative_abundances
from tests.plugins.unmixing.mixed import scene

SEEDS = st.integers(0, 1000)


@settings(max_examples=3)
@given(seed=SEEDS, rank=st.integers(1, 5))
def test_abundances_are_scipys(seed: int, rank: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w, y = torch.rand(12, rank, generator=rng).double(), torch.randn(12, 7, generator=rng).double()
    expected = np.stack([nnls(w.numpy(), pixel)[0] for pixel in y.T.numpy()], 1)
    gram, right = w.T @ w, w.T @ y
    swept = nonnegative_abundances(gram, right, torch.zeros_like(right), sweeps=1000)
    np.testing.assert_allclose(swept, expected, atol=1e-4)
    prior = invkit.prior("nonnegative").shaped((1, rank, 7))
    np.testing.assert_allclose(abundances(gram, right, prior, steps=2000), expected, atol=1e-4)


@settings(max_examples=3)
@given(seed=SEEDS)
def test_fully_constrained_abundances_are_those_that_mixed(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = torch.rand(12, 4, generator=rng).double()
    x = torch.softmax(3 * torch.randn(4, 9, generator=rng).double(), 0)
    prior = invkit.prior("fractions").shaped((1, 4, 9))
    torch.testing.assert_close(abundances(w.T @ w, w.T @ w @ x, prior), x, atol=1e-6, rtol=0)


@settings(max_examples=5)
@given(seed=SEEDS)
def test_a_matrix_of_low_rank_is_completed(seed: int) -> None:
    y, _, _ = scene(seed, bands=40)
    rng = torch.Generator().manual_seed(seed)
    weights = (torch.rand(y.shape, generator=rng) > 0.3).to(y)
    made = completed(weights * y, weights, 3)
    assert torch.equal(made[weights > 0], y[weights > 0])
    assert (made - y).norm() < 0.05 * y.norm()


def test_entries_that_all_count_alike_are_left_alone() -> None:
    y, _, _ = scene(0)
    assert torch.equal(completed(y, torch.ones_like(y), 3), y)


def test_brightness_is_positive_even_of_dark_pixels() -> None:
    values = torch.tensor([[1.0, -1.0, 0.0], [3.0, -1.0, 0.0]])
    assert (brightness(values) > 0).all() and brightness(values)[0] == 2
    assert (brightness(torch.zeros(2, 2)) > 0).all()
