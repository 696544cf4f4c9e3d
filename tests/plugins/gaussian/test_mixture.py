"""Mixtures: evidence, posterior and samples are those of Σ_k π_k N_k written out."""

from __future__ import annotations

import math

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError, SpecError
from invkit.testing import check_generator
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.mixture import Mixture
from invkit_gaussian.moments import Moments
from invkit_gaussian.spectrum import Spectrum
from tests.plugins.gaussian.classes import OPERATORS, Case, moments_of

WEIGHTS = (0.2, 0.8)


def pair(size: tuple[int, int] = (2, 3)) -> list[Moments]:
    """Two classes that are alike enough to be taken for each other; one has a contrast, one has none."""
    first = moments_of("joint", 1, size, 2, seed=0)
    return [first, attrs.evolve(moments_of("joint", 1, size, 3, contrast=True, seed=1), mean=first.mean)]


def cases(operator: str = "circconv", n: int = 3) -> list[Case]:
    """The same measurements under either class."""
    one, other = pair()
    drawn = Case.draw(other, operator, n)
    drawn = attrs.evolve(drawn, variance=20 * drawn.variance)  # much noise, so that neither class is sure
    return [attrs.evolve(drawn, moments=one, nuisance=drawn.nuisance[:, :0]), drawn]


def arguments(case: Case) -> tuple[invkit.LinearOperator, Tensor, Tensor]:
    return case.linear, case.nuisance, case.variance


def joint(both: list[Case]) -> Tensor:
    """``log π_k p_k(y)``, from the densities written out."""
    return torch.stack([-case.density() for case in both], 1) + torch.tensor(WEIGHTS).double().log()


def mixture(moments: list[Moments] | None = None) -> Mixture:
    return Mixture([Gaussian(each) for each in moments or pair()], WEIGHTS)


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_evidence_is_the_sum_over_components(operator: str) -> None:
    both = cases(operator)
    marginal = mixture().marginal(both[1].y)
    assert marginal.nuisances == 1
    found = marginal(*arguments(both[1]))
    torch.testing.assert_close(found, -joint(both).logsumexp(1), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS)
def test_responsibilities_and_mean_are_the_posteriors(operator: str) -> None:
    both = cases(operator)
    marginal, shares = mixture().marginal(both[1].y), joint(both).softmax(1)
    assert ((shares > 1e-3) & (shares < 1 - 1e-3)).any()  # else this would test one component
    torch.testing.assert_close(marginal.responsibilities(*arguments(both[1])), shares)
    expected = torch.einsum("nk,nkchw->nchw", shares, torch.stack([case.posterior()[0] for case in both], 1))
    torch.testing.assert_close(marginal.mean(*arguments(both[1])), expected)


def test_the_gradient_is_the_evidences() -> None:
    case = cases()[1]
    marginal = mixture().marginal(case.y)

    def evidence(w: Tensor, nuisance: Tensor, variance: Tensor) -> Tensor:
        return marginal(case.operator.given(w=w, x_shape=(1, 2, 3)), nuisance, variance)

    inputs = [each.clone().requires_grad_() for each in (case.w, case.nuisance, case.variance)]
    assert torch.autograd.gradcheck(evidence, inputs)


def test_samples_have_the_posteriors_mean() -> None:
    draws = 20_000
    case = cases(n=1)[1]
    index = torch.zeros(draws, dtype=torch.long)
    many = attrs.evolve(
        case, w=case.w[index], y=case.y[index], nuisance=case.nuisance[index], variance=case.variance[index]
    )
    marginal = mixture().marginal(case.y)
    rng = torch.Generator().manual_seed(1)
    drawn = marginal.select(index).sample(*arguments(many), rng)
    mean = marginal.mean(*arguments(case))
    assert ((drawn.mean(0) - mean[0]).abs() / drawn.std(0)).max() < 5 / math.sqrt(draws)


def test_a_measurement_is_told_to_its_class() -> None:
    rng = torch.Generator().manual_seed(0)
    digits, other = invkit.prior("gaussian:mnist"), invkit.prior("spectrum?shape=1x28x28,contrast=0.3")
    x = torch.cat([prior(prior.sample_latent(3, rng)) for prior in (digits, other)])
    w = invkit.dataset("blurA").take(torch.arange(6), "test")
    operator = invkit.operator("circconv")
    y = operator(w, x) + 0.01 * torch.randn(x.shape, generator=rng)
    marginal = Mixture([digits, other]).marginal(y)
    linear = operator.given(w=w, x_shape=(1, 28, 28))
    found = marginal.responsibilities(linear, torch.zeros(6, marginal.nuisances), torch.full((6,), 1e-4))
    assert found.argmax(1).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_first_latent_chooses_by_quantile() -> None:
    prior = mixture()
    assert prior.latent_shape == (1 + 3 + 6,)
    rng = torch.Generator().manual_seed(0)
    latent = prior.sample_latent(4, rng, dtype=torch.float64)
    latent[:, 0] = torch.special.ndtri(torch.tensor([0.1, 0.19, 0.21, 0.9]).double())
    first, second = (Gaussian(each) for each in pair())
    expected = torch.cat([first(latent[:2, 1:9]), second(latent[2:, 1:10])])
    torch.testing.assert_close(prior(latent), expected)


def test_encoding_is_exact() -> None:
    prior = mixture()
    x = prior(prior.sample_latent(8, torch.Generator().manual_seed(0), dtype=torch.float64))
    torch.testing.assert_close(prior(prior.encode(x)), x)


def test_the_contract_is_kept() -> None:
    check_generator(mixture())
    check_generator(Mixture([Spectrum(), Spectrum(1.0)]))


def test_priors_of_any_shape_take_that_of_the_others() -> None:
    prior = invkit.prior("mixture:gaussian:mnist+spectrum?weights=3x1")
    assert prior.signal_shape == (1, 28, 28)
    assert isinstance(prior, Mixture) and prior.shares.tolist() == [0.75, 0.25]
    free = invkit.prior("mixture:spectrum+spectrum%3Fexponent=1")
    assert free.signal_shape is None and free.shaped((3, 5, 6)).signal_shape == (3, 5, 6)
    with pytest.raises(ShapeError, match="no shape yet"):
        free(torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("mixture", SpecError, "name"),
        ("mixture:spectrum+", SpecError, "kind"),
        ("mixture:spectrum+identity", SpecError, "cannot be integrated out"),
        ("mixture:spectrum+nothing", SpecError, "nothing"),
        ("mixture:spectrum+spectrum?weights=1", InputError, "2 components"),
        ("mixture:spectrum+spectrum?weights=1x-1", InputError, "positive"),
        ("mixture:spectrum%3Fshape=1x4x4+spectrum%3Fshape=1x4x5", ShapeError, "one shape"),
    ],
)
def test_bad_specs_are_refused(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        invkit.prior(spec)


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="names no prior"):
        Mixture([])


def test_a_configuration_tells_mixtures_of_other_weights_apart() -> None:
    def digest(spec: str) -> str | None:
        config = invkit.compose("circconv", ["trajectory", f"mixture:{spec}"], "evidence").to_config()
        return config["priors"][1].get("sha256")

    mixed = digest("gaussian:mnist+spectrum")
    assert mixed is not None and mixed == digest("gaussian:mnist+spectrum")
    assert len({mixed, digest("spectrum+gaussian:mnist"), digest("gaussian:celeba+spectrum")}) == 3
    assert digest("spectrum+spectrum") is None
