"""The solver as a whole: slack, weights, noise, batches, and that it finds what is there to be found."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.errors import InputError
from invkit.testing._problems import Dense, Elementwise, Free, Subspace
from tests.plugins.altgd.problems import (
    PRINTED,
    W,
    X,
    altgd,
    dense,
    measured,
    normal,
    ridge_solution,
    solve,
    tiny,
)
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


@settings(max_examples=4)
@given(seed=seeds, slack=st.floats(1e-3, 10))
def test_slack_is_the_dense_minimiser(seed: int, slack: float) -> None:
    problem = tiny(seed % 1000)
    y = measured(problem, 2, seed, noise=1.0)
    found = solve(altgd(steps=3, restarts=2, keep=(), slack=slack), problem, y)
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
    found = solve(altgd(**FEW), problem, y)
    torch.testing.assert_close(found.x, problem.priors[1](found.latents[1]), rtol=0, atol=0)
    table = found.restarts.residual[torch.arange(3), list(found.restarts.winner)]
    torch.testing.assert_close(found.residual, table)
    with_slack = solve(altgd(**FEW, slack=0.1), problem, y)
    assert torch.equal(with_slack.latents[1], found.latents[1])
    assert torch.equal(with_slack.w, found.w)


def test_slack_respects_the_bounds_of_the_prior() -> None:
    problem = tiny()
    y = measured(problem, 3, noise=1.0)
    free = solve(altgd(**FEW, slack=0.1), problem, y)
    problem.priors[1].bounds = (-0.5, 0.5)
    found = solve(altgd(**FEW, slack=0.1), problem, y)
    assert (free.x.abs() > 0.5).any()
    torch.testing.assert_close(found.x, free.x.clamp(-0.5, 0.5))
    again = (y - problem.operator(found.w, found.x)).flatten(1).square().sum(1)
    torch.testing.assert_close(found.residual, again)


def test_the_default_recovers_what_lies_in_both_ranges() -> None:
    """Noiseless, overdetermined: the pair is unique up to nothing, as a mean fixes the scale."""
    problem = tiny(4)
    y = measured(problem, 3, noise=0.0)
    rng = torch.Generator().manual_seed(0)
    w, x = (prior(prior.sample_latent(3, rng, dtype=torch.float64)) for prior in problem.priors)
    solver = altgd(steps=300, restarts=16, keep=(8, 2), weight_w=0, weight_x=0)
    found = solve(solver, problem, y)
    torch.testing.assert_close(found.x, x, rtol=0.05, atol=0.1)
    torch.testing.assert_close(found.w, w, rtol=0.05, atol=0.1)


def test_weights_of_the_problem_give_way_to_the_options() -> None:
    problem = Problem(Elementwise(), (Free((1, 2)), Free((1, 2))))
    y = normal(2, 1, 2, seed=0)
    solver = altgd(**PRINTED | {"steps": 10, "restarts": 2})
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
    ("options", "own", "expected"),
    [
        ({}, None, (1e-4, 1e-5)),
        ({}, 3e-3, (1e-4, 3e-3)),
        ({"weight_x": 0.2}, 3e-3, (1e-4, 0.2)),
        ({"weight_w": 0.2}, 3e-3, (0.2, 3e-3)),
        ({"weight_w": 0, "weight_x": 0}, 3e-3, (0, 0)),
    ],
)
def test_a_prior_may_know_its_weight(
    options: dict[str, float], own: float | None, expected: tuple[float, float]
) -> None:
    problem = tiny()
    priors = problem.priors[0], Weighing(problem.priors[1], own)
    assert altgd(**options).penalties.weights(priors, problem.noise) == expected
    y = measured(problem, 2)
    few = {"steps": 10, "restarts": 2}
    by_itself = solve(altgd(**few, **options), attrs.evolve(problem, priors=priors), y)
    spelled = solve(altgd(**few, weight_w=expected[0], weight_x=expected[1]), problem, y)
    assert torch.equal(by_itself.x, spelled.x)


# ---------------------------------------------------------------------- noise


def test_own_weights_are_at_least_those_of_the_noise() -> None:
    """σ² − 0.01², each measurement's own, whoever stands beside it; a weight that is given is kept."""
    problem = tiny()
    y = measured(problem, 3)
    sigma = torch.tensor([0.005, 0.1, 0.5]).double()
    loud = attrs.evolve(problem, noise=Gaussian(sigma=sigma))
    few = {"steps": 10, "restarts": 3, "keep": (2, 1)}
    weights = altgd().penalties.weights(loud.priors, loud.noise)
    for weight, default in zip(weights, (1e-4, 1e-5), strict=True):
        assert isinstance(weight, Tensor)
        torch.testing.assert_close(weight, (sigma**2 - 1e-4).clamp_min(default))
    together = solve(altgd(**few, chunk=1), loud, y)
    for row in range(3):
        told = {"weight_w": float(weights[0][row]), "weight_x": float(weights[1][row])}
        alone = solve(altgd(**few, **told), problem, y[row : row + 1])
        torch.testing.assert_close(alone.x[0], together.x[row])
    kept = solve(altgd(**few, weight_w=1e-4, weight_x=1e-5), loud, y)
    assert torch.equal(kept.x, solve(altgd(**few), problem, y).x)


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
def test_noise_that_a_search_has_lost_leaves_the_weights_alone(lost: float) -> None:
    noise = Gaussian().known(torch.tensor([lost, 0.001]))
    weights = altgd().penalties.weights(tiny().priors, noise)
    torch.testing.assert_close(weights, (torch.tensor([1e-4, 1e-4]), torch.tensor([1e-5, 1e-5])))


def subspaces(n: int = 2) -> tuple[Problem, Tensor, Tensor]:
    """Images of four numbers under kernels of two: the problem, the images and noisy measurements."""
    rng = torch.Generator().manual_seed(3)
    shapes = (1, 3), (1, 4, 4), (1, 8, 8)
    priors = Subspace(shapes[0], 2, rng), Subspace(shapes[1], 4, rng)
    problem = Problem(Dense(*shapes, rng), priors)
    w, x = (prior(prior.sample_latent(n, rng, dtype=torch.float64)) for prior in priors)
    clean = problem.operator(w, x)
    return problem, x, clean + 0.01 * normal(*clean.shape, seed=1)


FIT = {"steps": 120, "restarts": 8, "keep": (4, 1), "weight_w": 1e-6, "weight_x": 1e-6}


@pytest.mark.parametrize("spec", ["gaussian", "poisson", "robust"])
def test_masked_entries_do_not_matter(spec: str) -> None:
    problem, _, y = subspaces()
    y = y.abs()
    mask = torch.rand(y.shape, generator=torch.Generator().manual_seed(5)) > 0.2
    noise = type(invkit.noise(spec))(weights=mask)
    few = altgd(**FIT | {"steps": 10, "restarts": 3, "keep": ()})
    found = []
    for gone in (0.0, 1e3):
        bound, given = noise.prepared(torch.where(mask, y, gone))
        found.append(solve(few, attrs.evolve(problem, noise=bound), given))
    assert torch.equal(found[0].x, found[1].x) and torch.equal(found[0].residual, found[1].residual)
    whole = solve(few, attrs.evolve(problem, noise=invkit.noise(spec)), y)
    assert not torch.allclose(found[0].x, whole.x, atol=1e-4)


def test_a_few_grossly_wrong_entries_do_not_harm_under_robust_noise() -> None:
    problem, x, y = subspaces()
    wrong = torch.rand(y.shape, generator=torch.Generator().manual_seed(6)) < 0.1
    y = torch.where(wrong, 5.0, y)

    def error(noise: str) -> Tensor:
        found = solve(altgd(**FIT), attrs.evolve(problem, noise=invkit.noise(noise)), y)
        return (found.x - x).flatten(1).square().sum(1)

    assert (error("robust?delta=0.03") < error("gaussian") / 20).all()


def test_poisson_noise_is_minimised() -> None:
    """The data term in the table is the noise model's, and it has the least value where it is minimised."""
    problem, _, y = subspaces()
    y = y.abs()
    poisson = attrs.evolve(problem, noise=invkit.noise("poisson").prepared(y)[0])
    found, squares = solve(altgd(**FIT), poisson, y), solve(altgd(**FIT), problem, y)
    least, other = (poisson.noise(problem.operator(each.w, each.x), y) for each in (found, squares))
    torch.testing.assert_close(found.restarts.residual.nan_to_num(nan=torch.inf).amin(1), least)
    assert (least < other).all()
    torch.testing.assert_close(
        found.residual, (y - problem.operator(found.w, found.x)).flatten(1).square().sum(1)
    )


def test_slack_knows_no_other_noise() -> None:
    problem, _, y = subspaces()
    with pytest.raises(InputError, match="slack"):
        solve(altgd(slack=1), attrs.evolve(problem, noise=invkit.noise("robust")), y)


# ---------------------------------------------------------------------- batches


@pytest.mark.parametrize("options", [{}, {"chunk": 7}], ids=["together", "chunks"])
def test_equal_measurements_give_equal_results_wherever_they_stand(options: dict[str, int]) -> None:
    problem = tiny(encodes=True)
    y = measured(problem, 3)[[0, 1, 0, 2, 0]]
    found = solve(altgd(steps=20, restarts=6, keep=(3, 1), **options), problem, y)
    for name in ("x", "w", "residual"):
        rows = getattr(found, name)
        torch.testing.assert_close(rows[[2, 4]], rows[[0, 0]], rtol=1e-10, atol=1e-12)
        assert not torch.allclose(rows[0], rows[1])


def test_every_measurement_may_have_a_kernel_of_its_own() -> None:
    """As solved one by one, also where candidates are dropped and measurements solved in chunks."""
    problem = tiny()
    w, y = normal(4, *W, seed=7), measured(problem, 4)
    own = attrs.evolve(problem, priors=(invkit.Given(w, each=True), problem.priors[1]))
    few = {"steps": 15, "restarts": 5, "keep": (3, 1)}
    together = solve(altgd(**few, chunk=10), own, y)
    assert torch.equal(together.w, w)
    for row in range(4):
        one = attrs.evolve(problem, priors=(invkit.Given(w[row]), problem.priors[1]))
        alone = solve(altgd(**few), one, y[row : row + 1])
        torch.testing.assert_close(alone.x[0], together.x[row])
