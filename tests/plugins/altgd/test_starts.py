"""Where latents begin: drawn, from the image, through the encoder, at another solution."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

import invkit
from invkit.contracts.given import Given
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import Candidates
from invkit.testing._problems import Dense, Elementwise, Free, Subspace, UnitSum
from invkit_altgd.starts import RIDGE, Starts, improve
from tests.plugins.altgd.problems import (
    PRINTED,
    W,
    Wrapped,
    X,
    Y,
    altgd,
    dense,
    measured,
    normal,
    residual,
    ridge_solution,
    solve,
    starts_of,
    tiny,
)
from tests.strategies import seeds

STILL = PRINTED | {"steps": 1, "rate": 1e-30}
"""Options with which nothing moves: the solution is the best start."""


def improved(kind: str, problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> Tensor:
    """The latents of x of candidates, one a measurement, that begin at (h, m)."""
    c = Candidates(problem, y, h[:, None], m[:, None])
    improve(kind, c)
    assert torch.equal(c.h, h)
    return c.m


def test_the_encoder_start_encodes_the_regularised_inverse() -> None:
    problem = tiny(encodes=True)
    y, h, m = normal(3, *Y, seed=1), normal(3, 2, seed=2), normal(3, 3, seed=3)
    found = improved("encoder", problem, y, h, m)
    images = [
        ridge_solution(dense(problem.operator, problem.priors[0](each[None]), X), measurement, RIDGE)
        for each, measurement in zip(h, y, strict=True)
    ]
    image = torch.stack(images).reshape(3, *X)
    torch.testing.assert_close(found, problem.priors[1].encode(image), rtol=1e-7, atol=1e-7)

    problem.priors[1].bounds = (-0.1, 0.1)
    clipped = problem.priors[1].encode(image.clamp(-0.1, 0.1))
    assert (image.abs() > 0.1).any()
    torch.testing.assert_close(improved("encoder", problem, y, h, m), clipped, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["encoder", "image", "random"])
def test_the_solver_begins_there(kind: str) -> None:
    problem = Problem(Elementwise(), (UnitSum((2, 3)), Subspace((2, 3), 2, torch.Generator())))
    y = normal(2, 2, 3, seed=0)
    found = solve(altgd(**STILL | {"restarts": 1, "start": kind}), problem, y)
    h, m = (start[:, 0] for start in starts_of(problem, y, 1))
    torch.testing.assert_close(found.latents, (h, improved(kind, problem, y, h, m)))
    assert (kind == "random") == torch.equal(found.latents[1], m)


@settings(max_examples=4)
@given(seed=seeds)
def test_the_image_start_is_the_closest_image(seed: int) -> None:
    prior = Subspace((2, 3), 2, torch.Generator().manual_seed(seed))
    problem = Problem(Elementwise(), (UnitSum((2, 3)), prior))
    y, m = normal(4, 2, 3, seed=seed), normal(4, 2, seed=seed + 1)
    found = improved("image", problem, y, torch.zeros(4, 2, 3).double(), m)
    distance = [(y - prior(latent)).flatten(1).square().sum(1) for latent in (m, found, prior.encode(y))]
    assert (distance[1] < distance[0]).all()
    torch.testing.assert_close(distance[1], distance[2], rtol=1e-2, atol=1e-2)
    assert not found.requires_grad


def test_the_image_start_needs_an_image_of_the_measurements_shape() -> None:
    with pytest.raises(InputError, match=r"start=image.*\(2, 3, 4\).*\(1, 2, 3\)"):
        solve(altgd(**STILL | {"start": "image"}), tiny(), normal(1, *Y, seed=0))


def test_the_encoder_start_needs_an_encoder() -> None:
    with pytest.raises(InputError, match="start=encoder"):
        solve(altgd(**STILL | {"start": "encoder"}), tiny(), normal(1, *Y, seed=0))


@pytest.mark.parametrize(("encodes", "expected"), [(True, "encoder"), (False, "random")])
def test_auto_asks_whether_there_is_an_encoder(encodes: bool, expected: str) -> None:
    problem = tiny(encodes=encodes)
    y = measured(problem, 2)
    assert Starts().kind(problem, Y) == expected
    auto, named = (
        solve(altgd(**STILL | {"restarts": 3, "start": kind}), problem, y) for kind in ("auto", expected)
    )
    assert torch.equal(auto.restarts.residual, named.restarts.residual)


def known_and_encoded(known: str) -> Problem:
    rng = torch.Generator().manual_seed(1)
    w = Given(normal(*W, seed=2)) if known in "wboth" else UnitSum(W)
    x = Given(normal(*X, seed=3)) if known in ("x", "both") else Subspace(X, 3, rng)
    return Problem(Dense(W, X, Y, rng), (w, x))


@pytest.mark.parametrize(
    ("known", "kind", "restarts"),
    [
        ("w", "encoder", 1),
        ("w", "random", 4),
        ("x", "random", 4),
        ("both", "random", 1),
        ("none", "encoder", 4),
    ],
)
def test_starts_that_would_all_be_the_same_are_one(known: str, kind: str, restarts: int) -> None:
    problem = known_and_encoded(known)
    solver = altgd(**PRINTED | {"steps": 3, "restarts": 4, "keep": (3, 2), "start": kind})
    found = solve(solver, problem, normal(2, *Y, seed=0))
    assert found.restarts.residual.shape == (2, restarts)
    assert found.history.shape == (2, restarts, 3)


def test_with_a_known_w_the_rest_is_a_linear_problem_and_is_solved() -> None:
    """A free image: the minimiser is the ridge solution, which the encoder start is already close to."""
    known = Given(normal(2, 4, seed=1))
    problem = Problem(Elementwise(), (known, Free((2, 4))))
    y, w = normal(2, 2, 4, seed=0), known.signal
    found = solve(altgd(steps=300, weight_x=0.05, anneal=1), problem, y)
    torch.testing.assert_close(found.x, w * y / (w**2 + 0.05), rtol=1e-4, atol=1e-4)


def test_a_wrapped_generator_without_an_encoder_starts_at_random() -> None:
    inner = tiny(encodes=True)
    hidden = attrs.evolve(inner, priors=(inner.priors[0], Wrapped(inner.priors[1], lambda _, signal: signal)))
    assert Starts().kind(hidden, Y) == "random"


def test_the_encoder_start_leaves_out_what_was_not_measured() -> None:
    plain, y = tiny(encodes=True), normal(3, *Y, seed=1)
    mask = torch.rand(3, *Y, generator=torch.Generator().manual_seed(4)) > 0.3
    problem = attrs.evolve(plain, noise=Gaussian(weights=mask).prepared(y)[0])
    h, m = normal(3, 2, seed=2), normal(3, 3, seed=3)
    found = improved("encoder", problem, y, h, m)
    other = improved("encoder", problem, torch.where(mask, y, 99.0), h, m)
    assert torch.equal(found, other)
    assert not torch.allclose(found, improved("encoder", plain, y, h, m), atol=1e-2)


# ---------------------------------------------------------------------- a solution to go on from


def test_it_goes_on_from_a_solution() -> None:
    """One start a measurement, where the last solve ended; nothing is annealed, and it only gets better."""
    problem = tiny(encodes=True)
    y = measured(problem, 3)
    first = solve(altgd(**PRINTED | {"steps": 20, "restarts": 2}), problem, y)
    stays = solve(altgd(**STILL), problem, y, start=first)
    assert stays.restarts.residual.shape == (3, 1)
    torch.testing.assert_close(stays.latents, first.latents)
    options = PRINTED | {"steps": 60, "weight_w": 1e-3, "weight_x": 1e-3}
    further = solve(altgd(**options), problem, y, start=first)
    assert (further.residual < first.residual).all()
    torch.testing.assert_close(further.residual, residual(problem, y, *further.latents))
    annealed = solve(altgd(**options | {"anneal": 1e4}), problem, y, start=first)
    assert torch.equal(annealed.x, further.x)


def test_weights_are_annealed_from_a_solution_where_w_is_given() -> None:
    problem = Problem(Elementwise(), (Given(normal(1, 4, seed=1)), Free((1, 4))))
    y = normal(2, 1, 4, seed=0)
    first = solve(altgd(**STILL), problem, y)
    plain, annealed = (solve(altgd(steps=20, anneal=n), problem, y, start=first) for n in (1, 1000))
    assert not torch.allclose(plain.x, annealed.x, atol=1e-4)


def test_a_pipeline_restates_the_solution_of_other_priors() -> None:
    """Through the encoder where the prior changes; a latent of the same prior stays."""
    truth = invkit.Given(torch.full((1, 3, 3), 1 / 9))
    y = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    first = invkit.compose("circconv", [truth, "wavelet"], "altgd?steps=5,restarts=2")(y)
    other = invkit.compose("circconv", [truth, "identity"], "altgd?steps=1,rate=1e-9")(y, start=first)
    assert other.restarts.residual.shape == (2, 1)
    torch.testing.assert_close(other.latents[1], first.x.reshape(other.latents[1].shape), atol=1e-6, rtol=0)
    same = invkit.compose("circconv", [truth, "wavelet"], "altgd?steps=1,rate=1e-9")(y, start=first)
    torch.testing.assert_close(same.latents[1], first.latents[1], atol=1e-6, rtol=0)


def test_a_start_of_other_measurements_is_refused() -> None:
    deblur = invkit.compose("circconv", ["simplex?size=3", "identity"], "altgd?steps=1,restarts=1")
    y = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="start from"):
        deblur(y[:1], start=deblur(y))
