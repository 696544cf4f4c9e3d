"""The wavelet prior is PyWavelets' periodised transform, in torch, with its inverse and its adjoint."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.errors import InputError, ShapeError, SpecError
from invkit_classical.wavelet import Wavelet

ORTHOGONAL = ("haar", "db2", "db4", "db8", "sym5", "coif2")
BIORTHOGONAL = ("bior1.3", "bior2.2", "bior4.4", "rbio3.1", "bior6.8")

#: (level, signal shape), 1-D and 2-D, shorter than most filters and not square
SIGNALS = st.integers(1, 3).flatmap(
    lambda level: st.tuples(
        st.just(level),
        st.tuples(st.integers(1, 3), *[st.integers(1, 4).map(lambda k: k << level)] * 2)
        | st.tuples(st.integers(1, 3), st.integers(1, 6).map(lambda k: k << level)),
    )
)


def _signal(shape: tuple[int, ...], seed: int = 0, n: int = 2) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _pywt(signal: Tensor, name: str, level: int) -> np.ndarray:
    axes = tuple(range(2, signal.ndim))
    coefficients = pywt.wavedecn(signal.numpy(), name, mode="periodization", level=level, axes=axes)
    return pywt.coeffs_to_array(coefficients, axes=axes)[0]


@pytest.mark.filterwarnings("ignore:Level value")  # short signals: more levels than PyWavelets recommends
@given(name=st.sampled_from(pywt.wavelist(kind="discrete")), case=SIGNALS)
def test_coefficients_are_those_of_pywavelets(name: str, case: tuple[int, tuple[int, ...]]) -> None:
    level, shape = case
    signal = _signal(shape)
    np.testing.assert_allclose(
        Wavelet(name, level).encode(signal).numpy(), _pywt(signal, name, level), atol=1e-9
    )


def test_the_layout_is_that_of_wavedec2() -> None:
    signal = _signal((1, 16, 24), n=1)
    found = Wavelet("db4", 1).encode(signal)[0, 0].numpy()
    approximation, (horizontal, vertical, diagonal) = pywt.wavedec2(
        signal[0, 0].numpy(), "db4", "periodization", 1
    )
    np.testing.assert_allclose(found[:8, :12], approximation, atol=1e-9)
    np.testing.assert_allclose(found[8:, :12], horizontal, atol=1e-9)
    np.testing.assert_allclose(found[:8, 12:], vertical, atol=1e-9)
    np.testing.assert_allclose(found[8:, 12:], diagonal, atol=1e-9)


@given(name=st.sampled_from(ORTHOGONAL + BIORTHOGONAL), case=SIGNALS)
def test_reconstruction_is_perfect(name: str, case: tuple[int, tuple[int, ...]]) -> None:
    level, shape = case
    signal, prior = _signal(shape), Wavelet(name, level, shape)
    torch.testing.assert_close(prior(prior.encode(signal)), signal, atol=1e-8, rtol=0)
    torch.testing.assert_close(prior.encode(prior(signal)), signal, atol=1e-8, rtol=0)


@given(name=st.sampled_from(ORTHOGONAL), case=SIGNALS)
def test_orthogonal_synthesis_is_an_isometry_and_the_transpose(
    name: str, case: tuple[int, tuple[int, ...]]
) -> None:
    level, shape = case
    prior, coefficients, signal = Wavelet(name, level), _signal(shape, 1), _signal(shape, 2)
    made = prior(coefficients)
    torch.testing.assert_close(made.square().sum(), coefficients.square().sum(), atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(
        (made * signal).sum(), (coefficients * prior.encode(signal)).sum(), atol=1e-8, rtol=1e-8
    )


def test_biorthogonal_synthesis_is_not_the_transpose() -> None:
    prior, shape = Wavelet("bior2.2", 2), (1, 16)
    assert abs(prior(_signal(shape)).norm() - _signal(shape).norm()) > 0.01


def test_long_axes_are_transformed_as_short_ones() -> None:
    # 512 and 128 lie on the two sides of the size up to which a matrix is used.
    for shape in ((1, 512), (1, 512, 128)):
        signal, prior = _signal(shape, n=1), Wavelet("db4", 3)
        np.testing.assert_allclose(prior.encode(signal).numpy(), _pywt(signal, "db4", 3), atol=1e-9)
        torch.testing.assert_close(prior(prior.encode(signal)), signal, atol=1e-8, rtol=0)


def test_a_float32_latent_makes_a_float32_signal_whatever_the_filters_are() -> None:
    latent = _signal((1, 8, 8)).float()
    for prior in (Wavelet("db4"), Wavelet("db4").float()):
        assert prior(latent).dtype == torch.float32
        torch.testing.assert_close(prior(latent), Wavelet("db4")(latent.double()).float())


def test_a_constant_costs_nothing_and_only_details_are_penalised() -> None:
    prior = Wavelet("db4", 2)
    flat = prior.encode(torch.full((1, 1, 8, 8), 0.7, dtype=torch.float64))
    assert prior.penalty(flat, prior(flat)).item() == pytest.approx(0, abs=1e-9)
    latent = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    latent[0, 0, :2, :2] = -3.0
    latent[1, 0, 2, 0], latent[1, 0, 7, 7] = -3.0, 0.5
    assert prior.penalty(latent, prior(latent)).tolist() == [0.0, 3.5]


@pytest.mark.parametrize(
    ("sizes", "level", "most"), [((28, 28), 3, 2), ((64, 24), 4, 3), ((27, 28), 1, 0), ((20,), 3, 2)]
)
def test_indivisible_sizes_are_refused_with_the_largest_level(
    sizes: tuple[int, ...], level: int, most: int
) -> None:
    with pytest.raises(ShapeError, match=f"largest level allowed is {most}"):
        Wavelet("haar", level).shaped((1, *sizes))
    if most:
        assert Wavelet("haar", most).shaped((1, *sizes)).signal_shape == (1, *sizes)


def test_misuse_is_refused() -> None:
    with pytest.raises(SpecError, match=r"unknown wavelet 'bd4'.*did you mean 'db4'"):
        Wavelet("bd4")
    with pytest.raises(InputError, match="level=0"):
        Wavelet("db4", 0)
    with pytest.raises(ShapeError, match=r"no shape yet.*shape=1x28x28"):
        Wavelet().sample_latent(1, torch.Generator())
    with pytest.raises(ShapeError, match="got shape \\(8,\\)"):
        Wavelet(shape=(8,))
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\), but shape \(1, 4, 4\)"):
        Wavelet(shape=(1, 8, 8)).shaped((1, 4, 4))


def test_the_start_is_in_the_range_of_images() -> None:
    prior = Wavelet("sym5", 2, (1, 16, 16))
    start = prior(prior.sample_latent(8, torch.Generator().manual_seed(0), dtype=torch.float64))
    assert start.min() > -1e-9
    assert start.max() < 1 + 1e-9
    assert start.mean().item() == pytest.approx(0.5, abs=0.03)
