"""Conjugate gradients and the regularised inverse against dense solutions, for all registered operators."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.noise import Gaussian
from invkit.solving import conjugate_gradients, ridge_inverse, weighted
from invkit.testing._problems import Dense
from tests.plugins.altgd.problems import W, X, Y, normal
from tests.strategies import operator_specs, seeds, signal_shapes


def dense(operator: BilinearOperator, w: Tensor, x_shape: tuple[int, ...]) -> Tensor:
    """The matrix of ``x ↦ A(w, x)`` for one ``w`` (1, *w)."""
    units = torch.eye(prod(x_shape), dtype=torch.float64).reshape(-1, *x_shape)
    return operator(w.expand(len(units), *w.shape[1:]).contiguous(), units).flatten(1).T


def ridge_solution(matrix: Tensor, y: Tensor, weight: float) -> Tensor:
    """``argmin ‖y − Mx‖² + weight·‖x‖²``, flat."""
    unit = torch.eye(matrix.shape[1], dtype=matrix.dtype)
    return torch.linalg.solve(matrix.T @ matrix + weight * unit, matrix.T @ y.flatten())


@pytest.mark.parametrize("spec", operator_specs())
@settings(max_examples=6)
@given(data=st.data(), n=st.integers(1, 3), seed=seeds, weight=st.floats(0.3, 3))
def test_it_is_the_dense_ridge_solution(spec: str, data, n: int, seed: int, weight: float) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = data.draw(signal_shapes(operator.example_shapes()))
    w = normal(n, *w_shape, seed=seed)
    given_w = operator.given(w=w, x_shape=x_shape)
    y = normal(n, *given_w.output_shape, seed=seed + 1)
    matrices = [dense(operator, each[None], x_shape) for each in w]
    # Relative to the largest gain, so that the condition, and with it the number of steps, is bounded.
    weight *= max(torch.linalg.matrix_norm(matrix, 2).item() for matrix in matrices) ** 2
    found = ridge_inverse(given_w, y, weight)
    expected = [ridge_solution(matrix, each, weight) for matrix, each in zip(matrices, y, strict=True)]
    torch.testing.assert_close(found.flatten(1), torch.stack(expected), rtol=1e-8, atol=1e-8)


@given(seed=seeds, weight=st.floats(1e-3, 1e-1))
def test_a_weak_ridge_is_solved_too_where_unknowns_are_few(seed: int, weight: float) -> None:
    operator = Dense((1, 3), (1, 2, 3), (1, 4, 4), torch.Generator().manual_seed(seed))
    w, y = normal(2, 1, 3, seed=seed), normal(2, 1, 4, 4, seed=seed + 1)
    found = ridge_inverse(operator.given(w=w, x_shape=(1, 2, 3)), y, weight)
    for each, kernel, measurement in zip(found, w, y, strict=True):
        expected = ridge_solution(dense(operator, kernel[None], (1, 2, 3)), measurement, weight)
        torch.testing.assert_close(each.flatten(), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e9, 1e200, torch.nan])
def test_candidates_are_independent(scale: float) -> None:
    operator = invkit.operator("circconv")
    w, y = normal(3, 1, 3, 3, seed=0), normal(3, 1, 6, 6, seed=1)
    alone = ridge_inverse(operator.given(w=w[:1], x_shape=(1, 6, 6)), y[:1], 1e-2)
    beside = y * torch.tensor([1.0, scale, scale]).double().reshape(3, 1, 1, 1)
    together = ridge_inverse(operator.given(w=w, x_shape=(1, 6, 6)), beside, 1e-2)
    torch.testing.assert_close(together[:1], alone, rtol=1e-10, atol=1e-12)
    assert scale != 0.0 or torch.equal(together[1:], torch.zeros(2, 1, 6, 6).double())


def test_a_start_and_a_tolerance_save_steps() -> None:
    """Rows that are near enough stay as they are; the others go on."""
    root = normal(5, 5, seed=3)
    matrix, right = root @ root.T + torch.eye(5), normal(2, 5, seed=4)
    exact = torch.linalg.solve(matrix, right.T).T
    calls = []

    def normal_map(v: Tensor) -> Tensor:
        calls.append(len(v))
        return v @ matrix

    start = torch.stack([exact[0], torch.zeros(5)])
    found = conjugate_gradients(normal_map, right, start, steps=50, tolerance=1e-9)
    torch.testing.assert_close(found, exact, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found[0], exact[0], rtol=0, atol=1e-12)
    assert len(calls) < 20


def test_weights_are_in_the_square() -> None:
    """``argmin ‖√W (y − A x)‖² + ρ‖x‖²``; what stands where the weight is 0 does not matter."""
    operator = Dense(W, X, Y, torch.Generator().manual_seed(0))
    w, y = normal(2, *W, seed=0), normal(2, *Y, seed=1)
    weights = normal(2, *Y, seed=2).square()
    weights[:, 0, 0] = 0
    noise = Gaussian(weights=weights).prepared(y)[0]
    given_w = operator.given(w=w, x_shape=X)
    y[:, 0, 0] = torch.nan
    found = ridge_inverse(*weighted(given_w, y, noise), 0.1)
    y[:, 0, 0] = 0
    for each, kernel, measurement, weight in zip(found, w, y, weights, strict=True):
        root = weight.flatten().sqrt()
        matrix = root[:, None] * dense(operator, kernel[None], X)
        expected = ridge_solution(matrix, root * measurement.flatten(), 0.1)
        torch.testing.assert_close(each.flatten(), expected, rtol=1e-8, atol=1e-8)


def test_without_weights_the_operator_stays_itself() -> None:
    operator = Dense(W, X, Y, torch.Generator().manual_seed(0))
    given_w, y = operator.given(w=normal(1, *W, seed=0), x_shape=X), normal(1, *Y, seed=1)
    assert weighted(given_w, y, Gaussian()) == (given_w, y)
