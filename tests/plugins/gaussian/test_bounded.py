"""Bounds: what they add to the evidence is below the true distance to the box, and finds kernels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from torch import Tensor

import invkit
from invkit.errors import InputError, InvkitError, SpecError
from invkit.testing import check_generator
from invkit_gaussian.bounded import Bounded
from invkit_gaussian.bounded_marginal import BoundedMarginal
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.mixture import Mixture
from invkit_gaussian.moments import Moments
from invkit_gaussian.spectrum import Spectrum
from tests.plugins.gaussian.classes import OPERATORS, Case, classes, moments_of

operators = st.sampled_from(OPERATORS)


def narrow(case: Case) -> tuple[float, float]:
    """Bounds that about every other pixel of the posterior means is beyond."""
    means = case.posterior()[0].flatten()
    low, high = means.quantile(0.3).item(), means.quantile(0.7).item()
    return (low, high) if low < high else (low, low + 1.0)


def added(case: Case, bounds: tuple[float, float]) -> Tensor:
    arguments = (case.linear, case.nuisance, case.variance)
    return BoundedMarginal(case.marginal, bounds)(*arguments) - case.marginal(*arguments)


@given(classes(), operators, st.integers(0, 99))
def test_what_is_added_is_what_the_page_says(moments: Moments, operator: str, seed: int) -> None:
    case = Case.draw(moments, operator, seed=seed)
    bounds, (mean, covariance) = narrow(case), case.posterior()
    v = (mean - mean.clamp(*bounds)).flatten(1)
    spread = torch.einsum("np,npq,nq->n", v, covariance, v)
    size = v.square().sum(1)
    expected = torch.where(size > 1e-9, size.square() / (2 * spread), torch.zeros_like(size))
    torch.testing.assert_close(added(case, bounds), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("operator", OPERATORS)
def test_it_is_no_more_than_the_way_to_the_box(operator: str) -> None:
    """½ (x − x̂)ᵀC⁻¹(x − x̂) at its least over the box, by a solver of bounded least squares."""
    case = Case.draw(moments_of("joint", 1, (3, 4), 3), operator, n=4)
    (low, high), (mean, covariance) = narrow(case), case.posterior()
    found = added(case, (low, high))
    for row in range(len(found)):
        white = torch.linalg.inv(torch.linalg.cholesky(covariance[row]))
        target = white @ mean[row].flatten()
        least = lsq_linear(white.numpy(), target.numpy(), (low, high), tol=1e-14).cost
        assert 0 < found[row] <= least * (1 + 1e-6)
        assert found[row] > 0.05 * least  # a bound that says something


def test_without_violation_it_is_the_prior_itself() -> None:
    case = Case.draw(moments_of("axes"), "circconv")
    torch.testing.assert_close(added(case, (-1e3, 1e3)), torch.zeros(3).double(), rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("bounds", [(0.2, 0.4), (-1e3, 1e3)])
@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_the_gradient_is_its_own(colour: str, bounds: tuple[float, float]) -> None:
    case = Case.draw(moments_of(colour, 3, (3, 4), 2, contrast=True), "circconv", n=2)
    marginal = BoundedMarginal(case.marginal, bounds)

    def evidence(w: Tensor, nuisance: Tensor, variance: Tensor) -> Tensor:
        linear = case.operator.given(w=w, x_shape=tuple(case.moments.mean.shape))
        return marginal(linear, nuisance, variance)

    inputs = [each.clone().requires_grad_() for each in (case.w, case.nuisance, case.variance)]
    assert torch.autograd.gradcheck(evidence, inputs)


def test_mean_and_draws_are_within_bounds_and_rows_are_selected() -> None:
    case = Case.draw(moments_of("joint"), "circconv")
    arguments = (case.linear, case.nuisance, case.variance)
    marginal = BoundedMarginal(case.marginal, (0.1, 0.3))
    for x in (marginal.mean(*arguments), marginal.sample(*arguments, torch.Generator().manual_seed(0))):
        assert x.min() == pytest.approx(0.1) and x.max() == pytest.approx(0.3)
    chosen = marginal.select(torch.tensor([2]))
    linear = case.operator.given(w=case.w[2:], x_shape=tuple(case.moments.mean.shape))
    one = chosen(linear, case.nuisance[2:], case.variance[2:])
    torch.testing.assert_close(one, marginal(*arguments)[2:])


def test_measurements_are_selected_in_the_inner_prior() -> None:
    class Own(Spectrum):
        def select(self, index: Tensor) -> Spectrum:
            return Own(self.exponent + float(index[0]), shape=self.signal_shape)

    plain, own = Bounded(Spectrum()), Bounded(Own(shape=(1, 4, 4)), -1.0, 2.0)
    assert plain.select(torch.tensor([1])) is plain
    chosen = own.select(torch.tensor([2]))
    assert isinstance(chosen, Bounded) and isinstance(chosen.inner, Own)
    assert chosen.inner.exponent == own.inner.exponent + 2 and chosen.interval == own.interval
    mixed = Mixture([own, plain], [3.0, 1.0])
    assert Mixture([plain]).select(torch.tensor([1])).components[0] is plain
    selected = mixed.select(torch.tensor([2]))
    assert isinstance(selected, Mixture) and torch.equal(selected.shares, mixed.shares)
    assert selected.components[0].inner.exponent == own.inner.exponent + 2


def test_the_generator_is_the_prior() -> None:
    moments = moments_of("axes", 3, (4, 4), 2).to(torch.zeros(1))
    check_generator(Bounded(Gaussian(moments)))
    latent = torch.randn(2, *Gaussian(moments).latent_shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Bounded(Gaussian(moments))(latent), Gaussian(moments)(latent))


def test_specs() -> None:
    prior = invkit.prior("bounded:gaussian:mnist%3Frank=8")
    assert isinstance(prior, Bounded) and prior.signal_shape == (1, 28, 28) and prior.interval == (0.0, 1.0)
    shaped = invkit.prior("bounded:spectrum?upper=255").shaped((3, 8, 9))
    assert isinstance(shaped, Bounded) and shaped.signal_shape == (3, 8, 9) and shaped.interval[1] == 255
    mixed = invkit.prior("mixture:bounded:gaussian:mnist+bounded:spectrum")
    assert mixed.signal_shape == (1, 28, 28)
    with pytest.raises(InputError, match=r"between 2\.0 and 1\.0"):
        Bounded(Spectrum(), 2.0, 1.0)
    with pytest.raises(SpecError, match="is no Gaussian"):
        invkit.prior("bounded:identity")


def test_a_white_background_gives_the_kernel_away() -> None:
    """A disc on white, a straight blur: the blurred picture's evidence is made worse than the truth's."""
    row, column = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    disc = ((row - 16) ** 2 + (column - 14) ** 2 < 64).float()
    x = (1 - disc * torch.tensor([0.8, 0.6, 0.4])[:, None, None])[None]
    motion = invkit.prior("motion?size=11")
    w = motion(torch.randn(20, *motion.latent_shape, generator=torch.Generator().manual_seed(1)))
    blur = invkit.operator("circconv")
    y = blur(w[:1], x) + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    prior = Spectrum(shape=(3, 32, 32))
    arguments = (blur.given(w=w, x_shape=(3, 32, 32)), torch.zeros(20, 3), torch.full((20,), 1e-4))
    plain = prior.marginal(y.expand(20, -1, -1, -1))(*arguments)
    bounded = Bounded(prior).marginal(y.expand(20, -1, -1, -1))(*arguments)
    assert bounded.argmin() == 0
    apart, before = (bounded - bounded[0])[1:], (plain - plain[0])[1:]
    assert (apart > 1.1 * before).all() and apart.median() > 1.5 * before.median()


def test_a_configuration_holds_the_sha256_of_the_weights_within() -> None:
    deblur = invkit.compose("circconv", ["trajectory", "bounded:gaussian:mnist"], "evidence")
    config = deblur.to_config()
    assert config["priors"][1]["sha256"] == invkit.prior("gaussian:mnist").sha256
    invkit.load_config(config)
    config["priors"][1]["sha256"] = "0" * 64
    with pytest.raises(InvkitError, match="the file of prior"):
        invkit.load_config(config)
    free = invkit.compose("circconv", ["trajectory", "bounded:spectrum"], "evidence").to_config()
    assert "sha256" not in free["priors"][1]
