"""The identity prior and total variation: what they cost, and what leaves that cost unchanged."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.errors import InputError, ShapeError
from invkit_classical.identity import Identity, total_variation

SHAPES = st.lists(st.integers(2, 7), min_size=1, max_size=3).map(lambda sizes: (2, *sizes))
SEEDS = st.integers(0, 1000)


def _signal(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(3, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(shape=SHAPES, seed=SEEDS, offset=st.floats(-5, 5), isotropic=st.booleans())
def test_an_offset_and_a_sign_cost_nothing(
    shape: tuple[int, ...], seed: int, offset: float, isotropic: bool
) -> None:
    signal = _signal(shape, seed)
    cost = total_variation(signal, isotropic=isotropic)
    torch.testing.assert_close(total_variation(signal + offset, isotropic=isotropic), cost)
    torch.testing.assert_close(total_variation(-signal, isotropic=isotropic), cost)
    assert torch.equal(
        total_variation(torch.full_like(signal, offset), isotropic=isotropic), torch.zeros(3).double()
    )


@given(shape=SHAPES, seed=SEEDS)
def test_anisotropic_is_unchanged_by_flips_and_isotropic_by_transposition(
    shape: tuple[int, ...], seed: int
) -> None:
    signal = _signal(shape, seed)
    cost = total_variation(signal, isotropic=False)
    torch.testing.assert_close(total_variation(signal.flip(-1), isotropic=False), cost)
    torch.testing.assert_close(total_variation(signal.flip(2), isotropic=False), cost)
    torch.testing.assert_close(total_variation(signal.transpose(2, -1)), total_variation(signal))


@given(shape=SHAPES, seed=SEEDS, scale=st.floats(0.1, 10), isotropic=st.booleans())
def test_it_is_homogeneous_up_to_the_smoothing(
    shape: tuple[int, ...], seed: int, scale: float, isotropic: bool
) -> None:
    signal = _signal(shape, seed)
    torch.testing.assert_close(
        total_variation(scale * signal, eps=scale * 1e-2, isotropic=isotropic),
        scale * total_variation(signal, eps=1e-2, isotropic=isotropic),
    )


@given(shape=SHAPES, seed=SEEDS)
def test_isotropic_is_at_most_anisotropic_and_both_lie_below_the_unsmoothed(
    shape: tuple[int, ...], seed: int
) -> None:
    signal, eps = _signal(shape, seed), 1e-3
    exact = sum(signal.diff(dim=axis).abs().flatten(1).sum(1) for axis in range(2, signal.ndim))
    smooth = total_variation(signal, eps=eps, isotropic=False)
    assert (total_variation(signal, eps=eps) <= smooth + 1e-12).all()
    assert (smooth <= exact + 1e-12).all()
    assert (smooth >= exact - eps * (signal.ndim - 2) * signal[0].numel()).all()


def test_a_step_costs_its_height_times_its_length() -> None:
    step = torch.zeros(1, 1, 6, 5, dtype=torch.float64)
    step[..., 3:, :] = 0.5
    for isotropic in (True, False):
        assert total_variation(step, eps=1e-9, isotropic=isotropic).item() == pytest.approx(0.5 * 5)


def test_a_corner_tells_isotropic_from_anisotropic() -> None:
    dot = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    dot[..., 2, 2] = 1.0
    assert total_variation(dot, eps=1e-9, isotropic=False).item() == pytest.approx(4.0)
    assert total_variation(dot, eps=1e-9).item() == pytest.approx(2 + 2**0.5)


def test_the_gradient_is_finite_where_the_signal_is_flat() -> None:
    flat = torch.full((1, 1, 4, 4), 0.3, requires_grad=True)
    (gradient,) = torch.autograd.grad(total_variation(flat).sum(), flat)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_each_penalty_is_the_one_named() -> None:
    signal = _signal((1, 4, 5), 0)
    assert torch.equal(Identity().penalty(signal, signal), signal.flatten(1).square().sum(1))
    assert torch.equal(Identity("tv", eps=0.1).penalty(signal, signal), total_variation(signal, eps=0.1))
    assert torch.equal(
        Identity("tv-anisotropic").penalty(signal, signal), total_variation(signal, isotropic=False)
    )


def test_a_shape_is_taken_once_and_options_go_with_it() -> None:
    free = Identity("tv", eps=0.02)
    tied = free.shaped((3, 4, 5))
    assert (free.signal_shape, tied.signal_shape, tied.latent_shape) == (None, (3, 4, 5), (3, 4, 5))
    signal = _signal((3, 4, 5), 0)
    assert torch.equal(tied.penalty(signal, signal), free.penalty(signal, signal))
    assert tied.shaped((3, 4, 5)) is tied
    with pytest.raises(ShapeError):
        tied.shaped((1, 4, 5))


def test_values_are_free() -> None:
    signal = 10 * _signal((1, 3, 3), 0) - 5
    assert torch.equal(Identity()(signal), signal)


def test_misuse_is_refused() -> None:
    with pytest.raises(InputError, match="eps=0"):
        Identity("tv", eps=0.0)
    with pytest.raises(ShapeError, match="shape=1x28x28"):
        Identity(shape=(28,))
    with pytest.raises(ShapeError, match="no shape yet"):
        Identity().sample_latent(1, torch.Generator())
