"""Priors that are convex sets: projections are the closest signals, and stay where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError
from invkit.testing import check_generator
from invkit_classical.sets import Atoms, ConvexSet, Fractions, Nonnegative, Signs

SHAPE = (2, 4, 5)
SETS: list[ConvexSet] = [
    Nonnegative(shape=SHAPE),
    Nonnegative("l1", SHAPE),
    Fractions(0, SHAPE),
    Fractions(1, SHAPE),
    Atoms(0, SHAPE),
    Atoms(1, SHAPE),
    Signs(torch.randint(-1, 2, SHAPE, generator=torch.Generator().manual_seed(0))),
]
every_set = pytest.mark.parametrize("prior", SETS, ids=lambda prior: type(prior).__name__)
SEEDS = st.integers(0, 1000)


def drawn(seed: int, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@every_set
def test_they_keep_the_contract(prior: ConvexSet) -> None:
    check_generator(prior)


@every_set
@given(seed=SEEDS)
def test_a_projection_is_the_closest_signal(prior: ConvexSet, seed: int) -> None:
    signal, other = drawn(seed), prior.closest(drawn(seed + 1))
    made = prior.closest(signal)
    torch.testing.assert_close(prior.closest(made), made)
    assert (((signal - made) * (other - made)).flatten(1).sum(1) <= 1e-9).all()


@given(seed=SEEDS, axis=st.integers(0, 1), scale=st.floats(1e-3, 1e3))
def test_fractions_are_non_negative_with_unit_sum(seed: int, axis: int, scale: float) -> None:
    made = Fractions(axis, SHAPE).closest(drawn(seed, scale))
    assert (made >= 0).all()
    torch.testing.assert_close(made.sum(axis + 2), torch.ones_like(made.sum(axis + 2)))


def test_sparse_values_are_soft_thresholded() -> None:
    prior, signal = Nonnegative("l1", (1, 3)), torch.tensor([[[-1.0, 0.2, 1.0]]])
    torch.testing.assert_close(prior.prox(signal, 0.5), torch.tensor([[[0.0, 0.0, 0.5]]]))
    assert prior.penalty(signal, prior(signal)).item() == pytest.approx(1.2)


def test_atoms_are_shortened_and_never_stretched() -> None:
    made = Atoms(0, (1, 2, 2)).closest(torch.tensor([[[[3.0, 0.3], [4.0, 0.4]]]]))
    torch.testing.assert_close(made, torch.tensor([[[[0.6, 0.3], [0.8, 0.4]]]]))


def test_signs_come_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "signs.npy", np.array([[2.0, -3.0, 0.0]]))
    prior = invkit.prior(f"signs:{tmp_path}/signs.npy")
    torch.testing.assert_close(prior(torch.ones(1, 1, 3)), torch.tensor([[[1.0, 0.0, 0.0]]]))
    np.savez(tmp_path / "two.npz", a=np.ones((1, 2)), b=np.ones((1, 2)))
    with pytest.raises(InputError, match="several arrays"):
        invkit.prior(f"signs:{tmp_path}/two.npz")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Nonnegative("l2"), InputError, "penalty='l2'"),  # type: ignore[arg-type]
        (lambda: Nonnegative(shape=(3,)), ShapeError, "channels"),
        (lambda: Fractions(-1), InputError, "axis=-1"),
        (lambda: Fractions(2, SHAPE), InputError, "axis=2"),
        (lambda: Fractions(1).shaped((1, 4)), InputError, "axis=1"),
        (lambda: Atoms(3, SHAPE), InputError, "axis=3"),
        (lambda: Signs([1.0, -1.0]), ShapeError, "channel axis"),
        (lambda: Signs([[1j]]), InputError, "complex"),
        (lambda: Signs([[1.0]]).shaped((1, 2)), ShapeError, "shape"),
    ],
)
def test_bad_input_is_named(make, error: type[Exception], message: str) -> None:
    with pytest.raises(
        (error, TypeError) if "l2" in message else error, match=None if "l2" in message else message
    ):
        make()
