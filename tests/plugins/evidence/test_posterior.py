"""What is minimised, term by term, and the first estimate of the noise."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit_evidence.posterior import Parameters, Posterior, first_noise
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.evidence.problems import normal
from tests.plugins.gaussian.classes import moments_of


def case(seed: int) -> tuple[Posterior, Parameters, Tensor]:
    """Three candidates, each of a measurement of its own, with contrasts and levels by chance."""
    prior_x = Gaussian(moments_of("axes", 3, (4, 5), 2, seed=seed))
    problem = Problem(invkit.operator("circconv"), (invkit.prior("simplex?size=3"), prior_x))
    y = normal(3, 3, 4, 5, seed=seed)
    h = normal(3, *(problem.priors[0].latent_shape or ()), seed=seed + 1)
    chosen = Parameters(h, normal(3, 3, seed=seed + 2) / 2, normal(3, 1, seed=seed + 3) / 3)
    return Posterior(problem, prior_x.marginal(y), torch.tensor([0.1, 0.2, 0.3]).double()), chosen, y


@given(seed=st.integers(0, 99), tempering=st.floats(1, 1e3))
def test_the_objective_is_the_evidence_and_all_penalties(seed: int, tempering: float) -> None:
    objective, chosen, y = case(seed)
    prior_w, prior_x = objective.problem.priors
    assert isinstance(prior_x, Gaussian)
    blur = invkit.operator("circconv").given(w=prior_w(chosen.h), x_shape=(3, 4, 5))
    variance = objective.noise.square() * (2 * chosen.level[:, 0]).exp() * tempering
    squares = sum(part.flatten(1).square().sum(1) for part in chosen.parts)
    expected = prior_x.marginal(y)(blur, chosen.nuisance, variance) + squares / 2
    torch.testing.assert_close(objective(chosen, tempering), expected)


def test_candidates_may_be_dropped_repeated_and_reordered() -> None:
    objective, chosen, _ = case(0)
    index = torch.tensor([2, 0, 2])
    torch.testing.assert_close(objective.select(index)(chosen.select(index)), objective(chosen)[index])


def test_a_known_noise_has_no_level() -> None:
    objective, chosen, _ = case(1)
    known = Parameters(chosen.h, chosen.nuisance, chosen.level[:, :0])
    torch.testing.assert_close(objective.variance(known), objective.noise.square())


def test_the_mean_is_the_marginals() -> None:
    objective, chosen, y = case(2)
    prior_w, prior_x = objective.problem.priors
    w, x = objective.mean(chosen)
    torch.testing.assert_close(w, prior_w(chosen.h))
    blur = invkit.operator("circconv").given(w=w, x_shape=(3, 4, 5))
    assert isinstance(prior_x, Gaussian)
    expected = prior_x.marginal(y).mean(blur, chosen.nuisance, objective.variance(chosen))
    torch.testing.assert_close(x, expected)


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 33, 47), (1, 5001), (2, 3000)])
@pytest.mark.parametrize("sigma", [0.01, 0.2])
def test_the_noise_of_white_noise_is_found(shape: tuple[int, ...], sigma: float) -> None:
    found = first_noise(sigma * normal(40, *shape, seed=0))
    assert found.shape == (40,)
    assert found.mean() == pytest.approx(sigma, rel=0.02)
    assert (found / sigma - 1).abs().max() < 0.25


def test_what_is_smooth_is_not_taken_for_noise() -> None:
    row = torch.linspace(0, 3, 64, dtype=torch.float64)
    smooth = 0.5 + 0.3 * torch.sin(row)[:, None] * torch.cos(row)[None]
    found = first_noise(smooth + 0.02 * normal(20, 1, 64, 64, seed=1))
    assert found.mean() == pytest.approx(0.02, rel=0.05)


def test_where_the_sensor_is_saturated_no_noise_is_seen() -> None:
    """Two thirds of the picture are white and clipped at 1."""
    y = 0.5 + 0.02 * normal(20, 1, 60, 60, seed=2)
    y[..., 20:] += 0.5
    found = first_noise(y.clamp(max=1))
    assert found.mean() == pytest.approx(0.02, rel=0.1)


def test_what_is_saturated_throughout_still_has_an_estimate() -> None:
    stripes = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(1, 1, 6, 3)
    assert torch.isfinite(first_noise(stripes)).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1), (3, 1, 2), (1, 2, 1)])
def test_what_is_too_small_to_tell_has_the_least_noise(shape: tuple[int, ...]) -> None:
    found = first_noise(torch.zeros(2, *shape))
    assert found.tolist() == pytest.approx([1e-3] * 2)
