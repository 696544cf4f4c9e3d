"""The multiplicative updates: against the formulas written out, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit_baselines.placement import placement
from invkit_baselines.richardson_lucy import (
    ByAdjoints,
    InTheDft,
    begin,
    divergence,
    unit_sum,
    updates_for,
)
from tests.plugins.baselines.known import draw, kernels
from tests.strategies import operator_specs, seeds


@given(seed=seeds, data=st.data(), channels=st.sampled_from([1, 3]), shared=st.booleans())
def test_both_ways_are_the_formulas_written_out(
    seed: int, data: st.DataObject, channels: int, shared: bool
) -> None:
    """With the convolution as a dense matrix."""
    height, width = data.draw(st.integers(2, 6)), data.draw(st.integers(2, 6))
    support = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    operator = invkit.operator("circconv")
    w = draw(seed, 2, 1 if shared else channels, *support) + 0.1
    x, y = draw(seed + 1, 2, 2, channels, height, width) + 0.1
    fast = updates_for(operator, y, tuple(w.shape[1:]), tuple(x.shape[1:]), 1e-12)
    assert isinstance(fast, InTheDft)
    for updates in (fast, ByAdjoints(operator, y, 1e-12)):
        for i in range(2):
            of_w = _matrix(lambda v, i=i: operator(v, x[i : i + 1].expand(len(v), -1, -1, -1)), w.shape[1:])
            of_x = _matrix(lambda v, i=i: operator(w[i : i + 1].expand(len(v), -1, -1, -1), v), x.shape[1:])
            for matrix, signal, found in (
                (of_w, w[i], updates.w(w, x)[i]),
                (of_x, x[i], updates.x(w, x)[i]),
            ):
                flat, measured = signal.flatten().numpy(), y[i].flatten().numpy()
                expected = flat * (matrix.T @ (measured / (matrix @ flat))) / matrix.sum(0)
                np.testing.assert_allclose(found.flatten(), expected, rtol=1e-8)
        torch.testing.assert_close(updates.measured(w, x), operator(w, x))


def _matrix(function, shape: torch.Size) -> np.ndarray:
    basis = torch.eye(shape.numel(), dtype=torch.float64).reshape(-1, *shape)
    return function(basis).flatten(1).T.numpy()


@pytest.mark.parametrize(
    "spec", ["circconv", "circconv?dims=1", "circconv?dims=3", "linconv", "linconv?mode=valid", "pointwise"]
)
def test_each_update_lowers_the_divergence(spec: str) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = operator.example_shapes()[0]
    w, x = draw(0, 3, *w_shape) + 0.1, draw(1, 3, *x_shape) + 0.1
    y = operator(draw(2, 3, *w_shape) + 0.1, draw(3, 3, *x_shape) + 0.1)
    updates = updates_for(operator, y, w_shape, x_shape, 1e-12)
    last = divergence(y, updates.measured(w, x), 1e-12)
    for _ in range(10):
        w = updates.w(w, x)
        after_w = divergence(y, updates.measured(w, x), 1e-12)
        x = updates.x(w, x)
        after_x = divergence(y, updates.measured(w, x), 1e-12)
        assert (after_w <= last + 1e-12).all() and (after_x <= after_w + 1e-12).all()
        assert (w >= 0).all() and (x > 0).all()
        last = after_x


def test_volumes_and_several_kernels_of_one_image_meet_the_adjoints() -> None:
    for spec, w_shape, x_shape in (
        ("circconv?dims=3", (1, 3, 2, 4), (2, 4, 3, 5)),
        ("circconv", (3, 2, 3), (1, 4, 5)),
    ):
        operator, w, x = invkit.operator(spec), draw(0, 2, *w_shape) + 0.1, draw(1, 2, *x_shape) + 0.1
        y = operator(w, x) + draw(2, *operator(w, x).shape)
        ways = updates_for(operator, y, w_shape, x_shape, 1e-12), ByAdjoints(operator, y, 1e-12)
        one, other = ((each.w(w, x), each.x(w, x)) for each in ways)
        assert one[0].shape == w.shape and one[1].shape == x.shape
        torch.testing.assert_close(one, other)


def test_the_truth_stays_where_it_is() -> None:
    operator, w, x = invkit.operator("circconv"), kernels(0, 2), draw(1, 2, 3, 12, 12) + 0.1
    updates = updates_for(operator, operator(w, x), (1, 5, 5), (3, 12, 12), 1e-12)
    torch.testing.assert_close(updates.w(w, x), w)
    torch.testing.assert_close(updates.x(w, x), x)


def test_only_circular_convolutions_have_a_placement() -> None:
    like = torch.zeros(1)
    for spec in operator_specs():
        operator = invkit.operator(spec)
        w_shape, x_shape = operator.example_shapes()[0]
        assert (placement(operator, w_shape, x_shape, like) is not None) == spec.startswith("circconv"), spec


def test_a_kernel_that_is_not_merely_moved_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution with a spectrum whose kernel is smoothed on the way."""
    from invkit_convolution.circular import CircularGivenW

    operator, like = invkit.operator("circconv"), torch.zeros(1)
    assert placement(operator, (1, 3, 3), (1, 8, 8), like) is not None
    honest = CircularGivenW.spectrum
    monkeypatch.setattr(CircularGivenW, "spectrum", lambda self: honest(self) * (1 + honest(self).abs()))
    assert placement(operator, (1, 3, 3), (1, 8, 8), like) is None
    monkeypatch.setattr(CircularGivenW, "spectrum", lambda self: 2 * honest(self))
    assert placement(operator, (1, 3, 3), (1, 8, 8), like) is None


def test_the_start_is_flat_and_as_bright_as_the_measurement() -> None:
    operator, y = invkit.operator("circconv"), draw(0, 2, 1, 6, 6)
    w, x = begin(operator, y, (1, 3, 3), (1, 6, 6))
    torch.testing.assert_close(w, torch.full((2, 1, 3, 3), 1 / 9, dtype=torch.float64))
    assert torch.equal(x, y)
    operator = invkit.operator("linconv?mode=valid")
    w, x = begin(operator, y, (1, 3, 3), (1, 8, 8))
    assert x.shape == (2, 1, 8, 8)
    torch.testing.assert_close(operator(w, x).sum((1, 2, 3)), y.sum((1, 2, 3)))


def test_unit_sum_and_what_has_no_sum() -> None:
    w = draw(0, 2, 2, 3, 3)
    w[1] = 0
    found = unit_sum(w, 1e-8)
    torch.testing.assert_close(found.flatten(1).sum(1), torch.tensor([1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(found[0] * w[0].sum(), w[0])


def test_the_divergence_is_its_definition() -> None:
    y, measured = draw(0, 2, 2, 1, 3, 3) + 0.1
    expected = (measured - y + y * torch.log(y / measured)).flatten(1).sum(1)
    torch.testing.assert_close(divergence(y, measured, 1e-12), expected)
    assert (divergence(y, y, 1e-12).abs() < 1e-12).all()
    assert torch.isfinite(divergence(torch.zeros_like(y), measured, 1e-12)).all()
