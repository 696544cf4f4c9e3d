"""What is minimised, term by term."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit_evidence.posterior import Parameters, Posterior
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
