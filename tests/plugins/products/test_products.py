"""The products against their definitions, their ambiguities, their messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import ShapeError, SpecError
from invkit_products.basis_change import BasisChange
from invkit_products.matmul import MatrixProduct
from invkit_products.outer import OuterProduct
from invkit_products.pointwise import PointwiseProduct
from invkit_products.scaling import BlockScaling
from tests.strategies import batches, seeds

lengths = st.integers(1, 5)


def draw(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


@given(seeds, batches, lengths, lengths, lengths)
def test_outer_is_numpys(seed: int, n: int, channels: int, rows: int, columns: int) -> None:
    w, x = draw(seed, (n, channels, rows), (n, channels, columns))
    y = OuterProduct()(w, x)
    for i, c in np.ndindex(n, channels):
        np.testing.assert_array_equal(y[i, c], np.outer(w[i, c], x[i, c]))


@given(seeds, batches, lengths, lengths, lengths, lengths)
def test_matmul_is_numpys(seed: int, n: int, channels: int, rows: int, rank: int, columns: int) -> None:
    w, x = draw(seed, (n, channels, rows, rank), (n, channels, rank, columns))
    np.testing.assert_allclose(MatrixProduct()(w, x), w.numpy() @ x.numpy(), atol=1e-12)


@given(seeds, batches, lengths, st.booleans())
def test_outer_is_a_matrix_product_of_rank_one(seed: int, n: int, rows: int, transposed: bool) -> None:
    w, x = draw(seed, (n, 2, rows), (n, 2, 4))
    torch.testing.assert_close(MatrixProduct()(w[..., None], x[..., None, :]), OuterProduct()(w, x))


def test_one_channel_multiplies_all() -> None:
    w, x = draw(0, (2, 1, 3, 4), (2, 3, 3, 4))
    operator = PointwiseProduct()
    torch.testing.assert_close(operator(w, x), torch.cat([w * x[:, c : c + 1] for c in range(3)], 1))
    assert operator.adjoint_w(x, x, (1, 3, 4)).shape == w.shape
    assert operator.adjoint_w(x, x).shape == x.shape


@given(seeds, st.booleans())
def test_elementwise_alignment_brings_back_what_was_scaled(seed: int, broadcast: bool) -> None:
    w_true, x_true = draw(seed, (2, 1 if broadcast else 3, 2, 4), (2, 3, 2, 4))
    scaling = BlockScaling("element")
    factors = scaling.sample(w_true, x_true, torch.Generator().manual_seed(seed))
    assert factors.min() > 0 and factors.shape == w_true.shape
    w, x = scaling.align(*scaling.act(w_true, x_true, factors), w_true, x_true)
    torch.testing.assert_close(w, w_true)
    torch.testing.assert_close(x, x_true)


def test_blocks_of_the_wrong_sign_or_of_zeros_stay_as_they_are() -> None:
    w_true, x_true = torch.ones(1, 3, 2), torch.ones(1, 3, 4)
    x = torch.stack([-x_true[0, 0], torch.zeros(4), 2 * x_true[0, 2]])[None]
    w, aligned = BlockScaling("channel").align(w_true, x, w_true, x_true)
    torch.testing.assert_close(aligned, torch.stack([-x_true[0, 0], torch.zeros(4), x_true[0, 2]])[None])
    torch.testing.assert_close(w, torch.tensor([[[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]]]))


@given(seeds, st.integers(1, 4), st.integers(0, 4))
def test_basis_alignment_brings_back_any_basis(seed: int, rank: int, extra: int) -> None:
    w_true, x_true = draw(seed, (2, 3, 5, rank), (2, 3, rank, rank + extra + 2))
    change = BasisChange()
    basis = change.sample(w_true, x_true, torch.Generator().manual_seed(seed))
    assert torch.linalg.cond(basis).max() <= 4.001
    w, x = change.align(*change.act(w_true, x_true, basis), w_true, x_true)
    torch.testing.assert_close(x, x_true, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(w, w_true, atol=1e-6, rtol=1e-6)


def test_a_factor_without_rank_stays_as_it_is() -> None:
    w, x_true = draw(0, (1, 1, 5, 2), (1, 1, 2, 6))
    x = torch.zeros_like(x_true)
    aligned_w, aligned_x = BasisChange().align(w, x, w, x_true)
    assert torch.equal(aligned_w, w) and torch.equal(aligned_x, x)


@pytest.mark.parametrize(
    ("operator", "y", "known", "expected"),
    [
        (PointwiseProduct(), (3, 4, 5), {}, ((3, 4, 5), (3, 4, 5))),
        (PointwiseProduct(), (3, 4, 5), {"w_shape": (1, 4, 5)}, ((1, 4, 5), (3, 4, 5))),
        (OuterProduct(), (2, 4, 5), {}, ((2, 4), (2, 5))),
        (MatrixProduct(), (2, 4, 5), {"w_shape": (2, 4, 3)}, ((2, 4, 3), (2, 3, 5))),
        (MatrixProduct(), (2, 4, 5), {"x_shape": (2, 3, 5)}, ((2, 4, 3), (2, 3, 5))),
    ],
)
def test_the_missing_shapes_follow_from_the_others(operator, y, known, expected) -> None:
    assert operator.infer_shapes(y, **known) == expected


def test_nothing_tells_the_rank_of_a_matrix_product() -> None:
    with pytest.raises(ShapeError, match=r"shape of w does not follow.*shape"):
        MatrixProduct().infer_shapes((1, 4, 5))


@pytest.mark.parametrize(
    ("operator", "w_shape", "x_shape", "message"),
    [
        (PointwiseProduct(), (1, 3, 4), (1, 4, 3), r"\(1, 3, 4\).*pointwise.*height, width"),
        (PointwiseProduct(), (2, 3, 4), (3, 3, 4), "one of them with one"),
        (PointwiseProduct(dims=1), (1, 3, 4), (1, 3, 4), "length"),
        (OuterProduct(), (1, 3), (2, 3), "outer product.*as many channels"),
        (OuterProduct(), (1, 3, 3), (1, 3, 3), r"\(channels, length\)"),
        (MatrixProduct(), (1, 3, 4), (1, 3, 4), "matrix product.*rank"),
    ],
)
def test_shapes_that_do_not_fit_are_named(operator, w_shape, x_shape, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        operator.output_shape(w_shape, x_shape)


def test_four_dimensions_are_not_offered() -> None:
    with pytest.raises(SpecError, match=r"dims='4'.*one of 1, 2, 3"):
        invkit.operator("pointwise?dims=4")
