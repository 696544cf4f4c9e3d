"""Conjugate gradients against a dense solver, row by row; weights as a linear operator."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.contracts.noise import Gaussian
from invkit.solving import conjugate_gradients, ridge_inverse, weighted
from invkit.testing._problems import Dense
from tests.strategies import seeds

SHAPE = (2, 3)


def systems(seed: int, n: int) -> tuple[Tensor, Tensor]:
    """Positive definite matrices (n, 6, 6) of different size, and right sides (n, 2, 3)."""
    rng = torch.Generator().manual_seed(seed)
    factor = torch.randn(n, 6, 6, generator=rng, dtype=torch.float64)
    scale = 10.0 ** torch.randint(-2, 3, (n, 1, 1), generator=rng)
    eye = torch.eye(6, dtype=torch.float64)
    return scale * (factor @ factor.mT + eye), torch.randn(n, *SHAPE, generator=rng, dtype=torch.float64)


def applied(matrix: Tensor, x: Tensor) -> Tensor:
    return (matrix @ x.flatten(1)[:, :, None]).reshape(x.shape)


def solved(matrix: Tensor, right: Tensor, **options: object) -> Tensor:
    return conjugate_gradients(lambda x: applied(matrix, x), right, **options)


@given(seed=seeds, n=st.integers(1, 4), begin=st.booleans())
def test_it_solves_every_row(seed: int, n: int, begin: bool) -> None:
    matrix, right = systems(seed, n)
    start = torch.ones_like(right) if begin else None
    expected = torch.linalg.solve(matrix, right.flatten(1)).reshape(right.shape)
    for tolerance in (0.0, 1e-10):
        found = solved(matrix, right, start=start, steps=60, tolerance=tolerance)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


@given(seed=seeds, steps=st.integers(0, 5), tolerance=st.sampled_from([0.0, 0.1]))
def test_no_row_feels_another(seed: int, steps: int, tolerance: float) -> None:
    matrix, right = systems(seed, 3)
    together = solved(matrix, right, steps=steps, tolerance=tolerance)
    for row in range(3):
        one = slice(row, row + 1)
        alone = solved(matrix[one], right[one], steps=steps, tolerance=tolerance)
        torch.testing.assert_close(together[one], alone)
    spoilt = solved(matrix, right * torch.tensor([1.0, torch.nan, 1.0])[:, None, None], steps=steps)
    torch.testing.assert_close(spoilt[::2], solved(matrix, right, steps=steps)[::2])


def test_a_tolerance_ends_the_iterations() -> None:
    matrix, right = systems(0, 2)
    calls = 0

    def normal(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return applied(matrix, x)

    found = conjugate_gradients(normal, right, steps=1000, tolerance=1e-3)
    assert calls < 50
    left = (right - applied(matrix, found)).flatten(1).norm(dim=1)
    assert (left <= 1e-3 * right.flatten(1).norm(dim=1)).all()
    assert torch.equal(solved(matrix, 0 * right), 0 * right)


@given(seed=seeds, weight=st.floats(1e-2, 10))
def test_the_ridge_inverse_is_the_dense_one(seed: int, weight: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    operator = Dense((1, 3), (1, 2, 3), (1, 4, 4), rng)
    w = torch.randn(2, 1, 3, generator=rng, dtype=torch.float64)
    y = torch.randn(2, 1, 4, 4, generator=rng, dtype=torch.float64)
    given_w = operator.given(w=w, x_shape=(1, 2, 3))
    matrix = given_w.matrix(2, y)
    normal = matrix.mT @ matrix + weight * torch.eye(6, dtype=torch.float64)
    expected = torch.linalg.solve(normal, matrix.mT @ y.flatten(1)[:, :, None])[:, :, 0]
    torch.testing.assert_close(ridge_inverse(given_w, y, weight).flatten(1), expected, rtol=1e-6, atol=1e-8)


def test_weights_become_a_linear_operator() -> None:
    rng = torch.Generator().manual_seed(0)
    operator = Dense((1, 3), (1, 2, 3), (1, 4, 4), rng)
    w, x, y = (torch.randn(2, *shape, generator=rng, dtype=torch.float64) for shape in operator.shapes)
    weights = torch.rand(2, 1, 4, 4, generator=rng) * (torch.rand(2, 1, 4, 4, generator=rng) > 0.3)
    noise, linear = Gaussian(weights), operator.given(w=w, x_shape=(1, 2, 3))
    seen, target = weighted(linear, y, noise)
    residual = (seen(x) - target).square().sum((1, 2, 3))
    torch.testing.assert_close(residual, noise(linear(x), y))
    r = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close((seen(x) * r).sum(), (x * seen.adjoint(r)).sum())
    lost = y.where(weights > 0, torch.nan)
    assert torch.equal(weighted(linear, lost, noise)[1], target)
    assert weighted(linear, y, Gaussian()) == (linear, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_precision_is_the_input_s(dtype: torch.dtype) -> None:
    matrix, right = systems(1, 2)
    assert solved(matrix.to(dtype), right.to(dtype), tolerance=1e-3).dtype == dtype
