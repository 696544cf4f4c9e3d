"""The solver as a whole: the image slack, and that it finds what is there to be found."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.testing._problems import Elementwise, Free
from invkit_altgd.altgd import AltGD
from tests.plugins.altgd.problems import X, measured, normal, solve, tiny
from tests.plugins.altgd.test_ridge import dense, ridge_solution
from tests.strategies import seeds

FEW = {"steps": 20, "restarts": 4, "keep": (2, 1)}


def slackened(problem: Problem, y: Tensor, solution: Solution, slack: float) -> Tensor:
    """``C(m) + argmin ‖y − A(w, C(m) + e)‖² + ρ‖e‖²`` with the solution's latents, by dense algebra."""
    w, x = (prior(latent) for prior, latent in zip(problem.priors, solution.latents, strict=True))
    left = y - problem.operator(w, x)
    moves = [
        ridge_solution(dense(problem.operator, kernel[None], X), rest, slack)
        for kernel, rest in zip(w, left, strict=True)
    ]
    return x + torch.stack(moves).reshape(x.shape)


@given(seed=seeds, slack=st.floats(1e-3, 10))
def test_slack_is_the_dense_minimiser(seed: int, slack: float) -> None:
    problem = tiny(seed % 1000)
    y = measured(problem, 2, seed, noise=1.0)
    found = solve(AltGD.from_spec(steps=3, restarts=2, keep=(), slack=slack), problem, y)
    expected = slackened(problem, y, found, slack)
    torch.testing.assert_close(found.x, expected, rtol=1e-7, atol=1e-7)
    assert not torch.allclose(found.x, problem.priors[1](found.latents[1]), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.w, problem.priors[0](found.latents[0]))
    again = (y - problem.operator(found.w, found.x)).flatten(1).square().sum(1)
    torch.testing.assert_close(found.residual, again)
    # The residual falls; the table holds that of the latents, by which the winner was chosen.
    table = found.restarts.residual[torch.arange(2), list(found.restarts.winner)]
    assert (found.residual < table).all()


def test_without_slack_the_image_stays_in_the_range() -> None:
    problem = tiny()
    y = measured(problem, 3, noise=1.0)
    found = solve(AltGD.from_spec(**FEW, slack=0.0), problem, y)
    torch.testing.assert_close(found.x, problem.priors[1](found.latents[1]), rtol=0, atol=0)
    table = found.restarts.residual[torch.arange(3), list(found.restarts.winner)]
    torch.testing.assert_close(found.residual, table)
    with_slack = solve(AltGD.from_spec(**FEW, slack=0.1), problem, y)
    assert torch.equal(with_slack.latents[1], found.latents[1])
    assert torch.equal(with_slack.w, found.w)


def test_slack_respects_the_bounds_of_the_prior() -> None:
    problem = tiny()
    y = measured(problem, 3, noise=1.0)
    free = solve(AltGD.from_spec(**FEW, slack=0.1), problem, y)
    problem.priors[1].bounds = (-0.5, 0.5)
    found = solve(AltGD.from_spec(**FEW, slack=0.1), problem, y)
    assert (free.x.abs() > 0.5).any()
    torch.testing.assert_close(found.x, free.x.clamp(-0.5, 0.5))
    again = (y - problem.operator(found.w, found.x)).flatten(1).square().sum(1)
    torch.testing.assert_close(found.residual, again)


@pytest.mark.parametrize("preset", ["paper", "public"])
def test_the_papers_presets_have_no_slack(preset: str) -> None:
    problem = tiny()
    y = measured(problem, 1, noise=1.0)
    found = solve(AltGD.from_spec(preset=preset, steps=5, restarts=2), problem, y)
    # made in a batch, and alone: on some processors the last bit differs, a slack would move it by far more
    assert torch.allclose(found.x, problem.priors[1](found.latents[1]), rtol=0, atol=1e-12)


def test_the_default_recovers_what_lies_in_both_ranges() -> None:
    """Noiseless, overdetermined: the pair is unique up to nothing, as a mean fixes the scale."""
    problem = tiny(4)
    y = measured(problem, 3, noise=0.0)
    rng = torch.Generator().manual_seed(0)
    w, x = (prior(prior.sample_latent(3, rng, dtype=torch.float64)) for prior in problem.priors)
    solver = AltGD.from_spec(steps=300, restarts=16, keep=(8, 2), lam=0.0, gamma=0.0)
    found = solve(solver, problem, y)
    torch.testing.assert_close(found.x, x, rtol=0.05, atol=0.1)
    torch.testing.assert_close(found.w, w, rtol=0.05, atol=0.1)


def test_weights_of_the_problem_give_way_to_the_options() -> None:
    problem = Problem(Elementwise(), (Free((1, 2)), Free((1, 2))))
    y = normal(2, 1, 2, seed=0)
    solver = AltGD.from_spec(preset="paper", steps=10, restarts=2)
    found = solve(solver, problem.weighted(5.0, 7.0), y)
    assert torch.equal(found.x, solve(solver, problem, y).x)


class Weighing(invkit.Generator):
    """Another prior, with a weight of its own."""

    def __init__(self, prior: invkit.Generator, weight: float | None) -> None:
        super().__init__()
        self.prior, self.penalty_weight = prior, weight
        self.latent_shape, self.signal_shape = prior.latent_shape, prior.signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        signal: Tensor = self.prior(latent)
        return signal


@pytest.mark.parametrize(
    ("spec", "own", "expected"),
    [
        ("altgd", None, (1e-4, 1e-5)),
        ("altgd", 3e-3, (1e-4, 3e-3)),
        ("altgd?gamma=0.2", 3e-3, (1e-4, 0.2)),
        ("altgd?lam=0.2", 3e-3, (0.2, 1e-5)),
        ("altgd?gamma=0.2,own_weights=true", 3e-3, (1e-4, 3e-3)),
        ("altgd?own_weights=false", 3e-3, (1e-4, 1e-5)),
        ("altgd?preset=paper", 3e-3, (0.1, 0.1)),
    ],
)
def test_a_prior_may_know_its_weight(spec: str, own: float | None, expected: tuple[float, float]) -> None:
    priors = (invkit.prior("vae:blurA"), Weighing(invkit.prior("vae:mnist"), own))
    problem = Problem(invkit.operator("circconv"), priors)
    solver = invkit.solver(spec)
    assert isinstance(solver, AltGD) and solver.weights(problem) == expected


def test_the_weight_of_a_prior_is_used() -> None:
    y = invkit.dataset("mnist-sample").take(torch.tensor([0]), "test")
    short = "steps=30,restarts=2,keep=2"
    kernels, digits = invkit.prior("vae:blurA"), invkit.prior("vae:mnist")

    def recovered(prior: invkit.Generator, options: str) -> Tensor:
        x: Tensor = invkit.compose("circconv", [kernels, prior], f"altgd?{options}", seed=0)(y).x
        return x

    weighed = recovered(Weighing(digits, 0.5), f"{short},start=random")
    assert torch.equal(weighed, recovered(digits, f"{short},start=random,gamma=0.5"))
    assert not torch.allclose(weighed, recovered(digits, f"{short},start=random"))
