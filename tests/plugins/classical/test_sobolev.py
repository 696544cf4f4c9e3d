"""Smooth signals: a filter that is its own adjoint, the Sobolev norm it stands for, real and complex."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError
from invkit.testing import check_generator
from invkit_classical.sobolev import Sobolev

shapes = st.lists(st.integers(1, 7), min_size=1, max_size=3).map(lambda sizes: (2, *sizes))
seeds = st.integers(0, 1000)
dtypes = st.sampled_from([torch.float64, torch.complex128])


def noise(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("shape", [(1, 9), (8, 6, 5), (1, 3, 4, 5)])
def test_it_keeps_the_contract(shape: tuple[int, ...]) -> None:
    check_generator(invkit.prior("sobolev?scale=3,order=4"), signal_shape=shape)


@given(shape=shapes, seed=seeds, dtype=dtypes)
def test_it_is_linear_and_its_own_adjoint(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> None:
    prior = Sobolev(3.0, 4.0, shape)
    a, b = noise(shape, seed, dtype), noise(shape, seed + 1, dtype)
    made = prior(a)
    assert made.dtype == dtype
    torch.testing.assert_close(prior(2 * a - b), 2 * made - prior(b))
    torch.testing.assert_close((b.conj() * made).sum(), (prior(b).conj() * a).sum())


@given(shape=shapes, seed=seeds, dtype=dtypes)
def test_the_penalty_is_the_sobolev_norm(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> None:
    """``‖h‖² = Σ (1 + ‖scale·k‖²)^order |F C(h)|²`` over the frequencies."""
    prior, latent = Sobolev(2.0, 3.0, shape), noise(shape, seed, dtype)
    axes = tuple(range(2, latent.ndim))
    grids = torch.meshgrid(*(torch.fft.fftfreq(n, dtype=torch.float64) for n in shape[1:]), indexing="ij")
    cost = (1 + 4 * torch.stack(grids).square().sum(0)) ** 3
    spectrum = torch.fft.fftn(prior(latent), dim=axes, norm="ortho").abs().square()
    expected = (cost * spectrum).flatten(1).sum(1)
    torch.testing.assert_close(latent.abs().square().flatten(1).sum(1), expected)


@given(seed=seeds, dtype=dtypes)
def test_smooth_signals_are_encoded(seed: int, dtype: torch.dtype) -> None:
    prior = Sobolev(3.0, 4.0, (2, 12, 10))
    signal = prior(noise((2, 12, 10), seed, dtype))
    torch.testing.assert_close(prior(prior.encode(signal)), signal, rtol=1e-2, atol=1e-3)


def test_constants_pass_unchanged_and_roughness_does_not() -> None:
    prior = Sobolev(scale=10.0, order=32.0, shape=(1, 16, 16))
    flat = torch.full((1, 1, 16, 16), 2.5, dtype=torch.float64)
    torch.testing.assert_close(prior(flat), flat)
    rough = (-1.0) ** torch.arange(16, dtype=torch.float64).expand(1, 1, 16, 16)
    assert prior(rough).abs().max() < 1e-12


@pytest.mark.parametrize("options", [{"scale": 0.0}, {"order": -1.0}, {"scale": float("inf")}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Sobolev(**options)


@pytest.mark.parametrize("shape", [(3,), (1, 0, 4)])
def test_bad_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="channels"):
        Sobolev(shape=shape)
