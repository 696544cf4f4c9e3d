"""Linear operators of matrices, of SciPy and of factors; their algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import random as random_sparse
from scipy.sparse.linalg import LinearOperator as ScipyOperator

import invkit
from invkit import InputError, ShapeError
from invkit.testing import check_linear

RNG = torch.Generator().manual_seed(0)
REAL = torch.randn(5, 24, generator=RNG, dtype=torch.float64)
COMPLEX = torch.randn(5, 24, generator=RNG, dtype=torch.complex128)
SPARSE = random_sparse(6, 24, density=0.3, random_state=0)
OUTSIDE = ScipyOperator(
    (5, 24), matvec=lambda v: REAL.numpy() @ v, rmatvec=lambda r: REAL.numpy().T @ r, dtype=float
)
MASKS = torch.rand(3, 2, 4, 6, generator=RNG, dtype=torch.float64)

OPERATORS = {
    "a real matrix": invkit.from_matrix(REAL, (1, 4, 6)),
    "a complex matrix": invkit.from_matrix(COMPLEX, (1, 4, 6), (5, 1)),
    "SciPy's": invkit.from_scipy(OUTSIDE, (2, 12)),
    "sparse": invkit.from_scipy(SPARSE, (1, 4, 6), (1, 2, 3)),
    "complex of SciPy": invkit.from_scipy(COMPLEX.numpy(), (1, 24)),
    "back and forth": invkit.from_scipy(invkit.from_matrix(REAL).to_scipy()),
    "factors": invkit.diagonal(COMPLEX[:, :1, None] * MASKS[0, :1]),
    "a sum": invkit.from_matrix(REAL) + invkit.from_scipy(OUTSIDE) - invkit.from_matrix(COMPLEX),
    "an adjoint": invkit.from_matrix(COMPLEX).H,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_contract(name: str) -> None:
    shapes = [(5, 4, 6)] if name == "factors" else None
    check_linear(OPERATORS[name], shapes=shapes)


def test_factors_of_each_measurement() -> None:
    check_linear(invkit.diagonal(MASKS, each=True), shapes=[(2, 4, 6)])
    with pytest.raises(ShapeError, match="3 measurements for 2"):
        invkit.diagonal(MASKS, each=True)(torch.rand(2, 2, 4, 6))


def test_numbers_are_those_of_the_matrix() -> None:
    x = torch.randn(3, 1, 4, 6, generator=RNG, dtype=torch.complex128)
    torch.testing.assert_close(OPERATORS["a complex matrix"](x).flatten(1), x.flatten(1) @ COMPLEX.T)
    flat = x.real.flatten(1)
    np.testing.assert_allclose(OPERATORS["sparse"](x.real).flatten(1), flat.numpy() @ SPARSE.T.toarray())


def test_gradients_pass_through_scipy() -> None:
    x = torch.randn(2, 2, 12, generator=RNG, dtype=torch.float64, requires_grad=True)
    OPERATORS["SciPy's"](x).square().sum().backward()
    expected = 2 * (x.detach().flatten(1) @ REAL.T) @ REAL
    torch.testing.assert_close(x.grad.flatten(1), expected)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: invkit.from_matrix(torch.rand(3)), "two axes"),
        (lambda: invkit.from_matrix([[1.0, np.nan]]), "NaN"),
        (lambda: invkit.from_matrix([["a"]]), "no array of numbers|numbers"),
        (lambda: invkit.from_matrix(REAL, (1, 5, 5)), "24 columns"),
        (lambda: invkit.from_matrix(REAL, output_shape=(4,)), "5 rows"),
        (lambda: invkit.from_scipy("nothing"), "no operator of SciPy"),
        (lambda: invkit.diagonal(torch.rand(3)), "factors of shape"),
        (lambda: invkit.diagonal(MASKS)(torch.rand(1, 2, 4, 6)), "factors of shape"),
        (lambda: invkit.from_matrix(REAL) @ invkit.from_matrix(REAL), "cannot compose"),
        (lambda: invkit.from_matrix(REAL) + invkit.from_matrix(REAL.T), "cannot add"),
        (lambda: invkit.linear("dft").input_shape, "fits signals of any shape"),
        (lambda: invkit.from_matrix(REAL).shaped((1, 4, 6)), "signals of shape"),
        (lambda: invkit.from_matrix(REAL).input_for((1, 6)), "puts out"),
    ],
)
def test_what_does_not_fit_is_refused(make, says: str) -> None:
    with pytest.raises((InputError, ShapeError), match=says):
        make()


def test_what_is_not_an_operator_is_not_added() -> None:
    for make in (lambda a: a + 1, lambda a: "x" * a, lambda a: a @ 2):
        with pytest.raises(TypeError):
            make(invkit.from_matrix(REAL))
