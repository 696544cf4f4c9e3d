"""The evidence and the posterior are those of the Gaussian written out, for every operator and class."""

from __future__ import annotations

import math

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.testing import check_generator
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.mixture import Mixture
from invkit_gaussian.moments import Moments, half_spectrum, signal_of
from invkit_gaussian.spectrum import Spectrum, power_law
from tests.plugins.gaussian.classes import OPERATORS, Case, classes, moments_of

operators = st.sampled_from(OPERATORS)


@given(classes(), operators, st.integers(0, 99))
def test_the_evidence_is_the_log_density(moments: Moments, operator: str, seed: int) -> None:
    case = Case.draw(moments, operator, seed=seed)
    found = case.marginal(case.linear, case.nuisance, case.variance)
    torch.testing.assert_close(found, case.density(), rtol=1e-8, atol=1e-8)


@given(classes(), st.integers(0, 99))
def test_a_quicker_evidence_is_that_of_the_class_whose_spectrum_has_the_weak_components(
    moments: Moments, seed: int
) -> None:
    moments = moments.truncated(64)
    case, bins = Case.draw(moments, "circconv", seed=seed), half_spectrum(moments.basis)
    variance, remainder = bins.abs().square().sum(0), moments.spectrum.clone()
    remainder[:, 0, 0] += moments.level**2 * moments.mean[0].numel()
    weak = variance < remainder / 2
    basis = signal_of(bins * ~weak, tuple(moments.mean.shape[1:]))
    simpler = attrs.evolve(moments, basis=basis, spectrum=moments.spectrum + variance * weak)
    found = Gaussian(moments).marginal(case.y, rank=64)(case.linear, case.nuisance, case.variance)
    expected = attrs.evolve(case, moments=simpler).density()
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


@given(classes(), operators, st.integers(0, 99))
def test_the_mean_is_the_dense_posteriors(moments: Moments, operator: str, seed: int) -> None:
    case = Case.draw(moments, operator, seed=seed)
    found = case.marginal.mean(case.linear, case.nuisance, case.variance)
    torch.testing.assert_close(found, case.posterior()[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("channels", [1, 3])
def test_spectra_too(channels: int, operator: str) -> None:
    law = power_law((channels, 5, 4), 2.0, 0.3).to(torch.zeros(1, dtype=torch.float64))
    case = Case.draw(law, operator)
    prior = Spectrum(2.0, 0.3, (channels, 5, 4))
    found = prior.marginal(case.y)(case.linear, case.nuisance, case.variance)
    torch.testing.assert_close(found, case.density(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(("colour", "channels"), [("joint", 3), ("axes", 1), ("axes", 3)])
def test_the_gradient_is_the_evidences(colour: str, channels: int, operator: str) -> None:
    case = Case.draw(moments_of(colour, channels, (3, 4), 2, contrast=True, texture=True), operator, n=2)
    marginal = case.marginal

    def evidence(w: Tensor, nuisance: Tensor, variance: Tensor) -> Tensor:
        linear = case.operator.given(w=w, x_shape=tuple(case.moments.mean.shape))
        return marginal(linear, nuisance, variance)

    inputs = [each.clone().requires_grad_() for each in (case.w, case.nuisance, case.variance)]
    assert torch.autograd.gradcheck(evidence, inputs)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_samples_have_the_posteriors_mean_and_covariance(colour: str, operator: str) -> None:
    draws = 20_000
    channels = 3 if colour == "joint" else 1
    one = Case.draw(moments_of(colour, channels, (2, 3), 2, texture=True), operator, n=1)
    index = torch.zeros(draws, dtype=torch.long)
    many = attrs.evolve(
        one, w=one.w[index], y=one.y[index], nuisance=one.nuisance[index], variance=one.variance[index]
    )
    rng = torch.Generator().manual_seed(1)
    marginal = one.marginal.select(index)
    drawn = marginal.sample(many.linear, many.nuisance, many.variance, rng).flatten(1)
    mean, covariance = one.posterior()
    scale = covariance[0].diagonal().sqrt()
    standard = (drawn - mean.flatten()) / scale
    assert standard.mean(0).abs().max() < 5 / math.sqrt(draws)
    expected = covariance[0] / scale[:, None] / scale
    assert (standard.T @ standard / draws - expected).abs().max() < 6 / math.sqrt(draws)


def test_the_same_seed_draws_the_same() -> None:
    case = Case.draw(moments_of(), "circconv")
    first, again, other = (
        case.marginal.sample(case.linear, case.nuisance, case.variance, torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.allclose(first, other)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_components_the_mean_is_the_wiener_filter(channels: int) -> None:
    case = Case.draw(moments_of("joint", channels, (5, 6), 0), "circconv")
    found = case.marginal.mean(case.linear, case.nuisance, case.variance)
    transfer = case.linear.spectrum()
    assert transfer is not None
    q, mean = case.moments.rotation, case.moments.mean
    left = half_spectrum(torch.einsum("ca,nchw->nahw", q, case.y - case.linear(mean.expand_as(case.y))))
    ratio = case.variance[:, None, None, None] / case.moments.spectrum
    filtered = signal_of(transfer.conj() / (transfer.abs().square() + ratio) * left, (5, 6))
    torch.testing.assert_close(found, mean + torch.einsum("ca,nahw->nchw", q, filtered))


@given(classes(), operators)
def test_candidates_are_apart_and_can_be_selected(moments: Moments, operator: str) -> None:
    case = Case.draw(moments, operator)
    index = torch.tensor([2, 0, 2])
    marginal = case.marginal.select(index)
    chosen = attrs.evolve(case, w=case.w[index])
    found = marginal(chosen.linear, case.nuisance[index], case.variance[index])
    torch.testing.assert_close(found, case.marginal(case.linear, case.nuisance, case.variance)[index])
    mean = marginal.mean(chosen.linear, case.nuisance[index], case.variance[index])
    torch.testing.assert_close(mean, case.marginal.mean(case.linear, case.nuisance, case.variance)[index])


def test_single_precision_is_close_to_double() -> None:
    law = moments_of("joint", 3, (16, 16), 24)
    case = Case.draw(law, "circconv")
    y, w = case.y.float(), case.w.float()
    linear = case.operator.given(w=w, x_shape=(3, 16, 16))
    tiny = torch.full((3,), 1e-6)
    found = Gaussian(law).marginal(y)(linear, case.nuisance.float(), tiny)
    exact = case.marginal(case.linear, case.nuisance, tiny.double())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=2e-5, atol=0)


def test_a_measurement_that_is_not_finite_stays_alone() -> None:
    case = Case.draw(moments_of("axes"), "circconv")
    case.y[1] = torch.nan
    found = case.marginal(case.linear, case.nuisance, case.variance)
    assert found.isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_has_no_density_is_not_a_number_and_stays_alone(operator: str) -> None:
    case = Case.draw(moments_of("joint"), operator)
    case.variance[1] = -50
    found = case.marginal(case.linear, case.nuisance, case.variance)
    assert found.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_tiny_classes_keep_the_contract(colour: str) -> None:
    check_generator(Gaussian(moments_of(colour)))


@pytest.mark.parametrize("state", [torch.float64, "meta"])
def test_the_callers_default_dtype_and_device_do_not_matter(state: torch.dtype | str) -> None:
    """Not even where a marginal is used outside of a solve."""
    moments = moments_of("joint", 3, (6, 5), 2, contrast=True, texture=True)
    y = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))

    def found() -> tuple[Tensor, Tensor]:
        w, variance = y.new_full((2, 1, 3, 3), 1 / 9), y.new_full((2,), 0.01)
        marginal = Mixture([Gaussian(moments.to(y)), Spectrum(shape=(3, 6, 5))]).marginal(y)
        arguments = invkit.operator("circconv").given(w=w, x_shape=(3, 6, 5)), y.new_zeros(2, 3), variance
        return marginal(*arguments), marginal.sample(*arguments, torch.Generator().manual_seed(0))

    expected = found()
    if isinstance(state, torch.dtype):
        torch.set_default_dtype(state)
        try:
            assert_equal(found(), expected)
        finally:
            torch.set_default_dtype(torch.float32)
    else:
        with torch.device(state):
            assert_equal(found(), expected)


def assert_equal(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)
