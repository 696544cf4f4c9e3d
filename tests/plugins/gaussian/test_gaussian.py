"""The generator: an exact encoder, and fewer components with every frequency's variance."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import InputError, ShapeError, SpecError, WeightsError
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.moments import Moments, half_spectrum
from invkit_gaussian.spectrum import Spectrum, power_law
from tests.plugins.gaussian.classes import classes, moments_of


@given(classes())
def test_encoding_is_exact_and_of_least_penalty(moments: Moments) -> None:
    prior = Gaussian(moments)
    rng = torch.Generator().manual_seed(0)
    latent = prior.sample_latent(3, rng, dtype=torch.float64)
    x = prior(latent)
    found = prior.encode(x)
    torch.testing.assert_close(prior(found), x, rtol=1e-7, atol=1e-7)
    assert (found.square().sum(1) <= latent.square().sum(1) + 1e-6).all()


@given(classes())
def test_the_penalty_is_the_density(moments: Moments) -> None:
    prior = Gaussian(moments)
    (k,) = prior.latent_shape or ()
    rng = torch.Generator().manual_seed(0)
    x = prior(prior.sample_latent(2, rng, dtype=torch.float64))
    b = (prior(torch.eye(k, dtype=torch.float64)) - prior(torch.zeros(1, k).double())).flatten(1).T
    away = (x - moments.mean).flatten(1)
    mahalanobis = (away * torch.linalg.solve(b @ b.T, away.T).T).sum(1)
    torch.testing.assert_close(prior.penalty(prior.encode(x), x), mahalanobis, rtol=1e-6, atol=1e-6)


@given(classes(), st.data())
def test_truncation_keeps_every_frequencys_variance(moments: Moments, data: st.DataObject) -> None:
    rank = data.draw(st.integers(0, moments.rank))
    short = moments.truncated(rank)
    assert short.rank == rank

    def variances(of: Moments) -> torch.Tensor:
        return half_spectrum(of.basis).abs().square().sum(0) + of.spectrum

    torch.testing.assert_close(variances(short), variances(moments))
    assert torch.equal(short.basis, moments.basis[:rank])


def test_truncation_beyond_the_rank_changes_nothing_and_below_none_is_refused() -> None:
    moments = moments_of(rank=3)
    assert moments.truncated(None) is moments and moments.truncated(9) is moments
    with pytest.raises(InputError, match="rank=-1"):
        moments.truncated(-1)


def test_a_spectrum_that_is_not_positive_is_refused() -> None:
    moments = moments_of()
    with pytest.raises(InputError, match="not positive"):
        Gaussian(attrs.evolve(moments, spectrum=moments.spectrum * 0))


def test_power_falls_with_frequency() -> None:
    moments = power_law((1, 32, 32), 2.0, 0.2)
    power = moments.spectrum[0]
    assert power[0, 4] / power[0, 8] == pytest.approx(4, rel=0.05)
    assert torch.equal(power[1:], power[1:].flip(0))


def test_a_spectrum_has_its_contrast() -> None:
    prior = Spectrum(contrast=0.2, shape=(1, 24, 25))
    x = prior(prior.sample_latent(400, torch.Generator().manual_seed(0)))
    assert x.var((2, 3)).mean().sqrt() == pytest.approx(0.2, rel=0.05)


def test_a_spectrum_takes_any_shape() -> None:
    prior = invkit.prior("spectrum")
    assert prior.signal_shape is None
    assert prior.shaped((3, 7, 8)).signal_shape == (3, 7, 8)
    with pytest.raises(ShapeError, match="no shape yet"):
        prior(torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("spectrum?exponent=-1", InputError, "exponent=-1"),
        ("spectrum?contrast=0", InputError, "contrast=0"),
        ("spectrum?contrast=nan", InputError, "contrast=nan"),
        ("spectrum?shape=3x4", ShapeError, "height"),
        ("gaussian", SpecError, "name"),
        ("gaussian:nobody", WeightsError, "nobody"),
    ],
)
def test_bad_specs_are_refused(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        invkit.prior(spec)
