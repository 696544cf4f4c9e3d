"""Affine priors as linear maps; noise models as weights; candidates whose search is over."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import InputError, Status
from invkit.contracts.noise import Gaussian
from invkit.solving import Candidates, LinearPart, quadratic_weights, require_ridge, run
from tests.solving.problems import planes
from tests.strategies import seeds


@given(seed=seeds, delta=st.floats(1e-3, 10))
def test_weights_have_the_slope_of_the_cost(seed: int, delta: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    z, y = torch.randn(2, 3, 1, 8, generator=rng, dtype=torch.float64)
    noise = invkit.noise("robust", delta=delta)
    weights = quadratic_weights(noise, z, y)
    torch.testing.assert_close(2 * weights * (z - y), noise.slope(z, y))
    torch.testing.assert_close(weights, (delta / (z - y).abs()).clamp_max(1))
    assert torch.equal(quadratic_weights(noise, y, y), torch.ones_like(y))


def test_weights_of_gaussian_noise_are_its_own() -> None:
    y = torch.randn(2, 1, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    own = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.0], dtype=torch.float64)
    noise, y = Gaussian(weights=own).prepared(y)
    torch.testing.assert_close(quadratic_weights(noise, y + 0.3, y), own.expand(2, 1, 5))


@given(seed=seeds)
def test_the_linear_part_and_its_adjoint(seed: int) -> None:
    problem, y = planes()
    prior, rng = problem.priors[1], torch.Generator().manual_seed(seed)
    part = LinearPart(prior, y)
    latent = torch.randn(len(y), *prior.latent_shape, generator=rng, dtype=y.dtype)
    signal = torch.randn(len(y), *prior.signal_shape, generator=rng, dtype=y.dtype)
    torch.testing.assert_close(part(latent) + part.origin, prior(latent))
    torch.testing.assert_close((part(latent) * signal).sum(), (latent * part.adjoint(signal)).sum())


def test_a_penalty_that_is_no_ridge_is_refused() -> None:
    require_ridge(invkit.prior("identity?shape=1x4x4"), "mine", "weight_x")
    with pytest.raises(InputError, match="weight_x=0"):
        require_ridge(invkit.prior("identity?penalty=tv,shape=1x4x4"), "mine", "weight_x")


def test_a_search_ends_candidate_by_candidate() -> None:
    """The first measurement is solved by its restart 1, the second not at all."""
    problem, y = planes(2)
    steps = []

    def step(c: Candidates, number: int) -> None:
        steps.append(number)
        rows = torch.arange(len(c.y))
        c.finish((rows == 0) & (number == 2) | (rows == 4), solved=(rows == 1) & (number == 3))
        if number == 5:
            c.finish(torch.ones_like(c.alive))

    solution = run(step, problem, y, torch.Generator().manual_seed(0), steps=50, restarts=3)
    assert steps == list(range(6))
    assert [str(each) for each in solution.restarts.status[0]] == ["converged", "converged", "dropped"]
    assert solution.restarts.status[1] == (Status.CONVERGED,) * 3
    assert solution.history_steps[-1] == 50
