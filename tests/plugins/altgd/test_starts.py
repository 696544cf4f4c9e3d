"""Where latents begin: drawn, from the image, through the encoder."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.testing._problems import Dense, Elementwise, Free, Known, Subspace, UnitSum
from invkit_altgd.altgd import AltGD
from invkit_altgd.starts import RIDGE, draw, improve, kind_of_start
from tests.plugins.altgd.problems import W, Wrapped, X, Y, measured, normal, solve, tiny
from tests.plugins.altgd.test_ridge import dense, ridge_solution
from tests.strategies import seeds

STILL = {"preset": "paper", "steps": 1, "rate": 1e-30}
"""Options with which nothing moves: the solution is the best start."""


@given(seed=seeds, following=st.integers(1, 4), restarts=st.integers(1, 4))
def test_the_starts_of_the_first_do_not_depend_on_how_many_follow(
    seed: int, following: int, restarts: int
) -> None:
    problem, y = tiny(), torch.zeros(1).double()
    alone = draw(problem, 1, restarts, torch.Generator().manual_seed(seed), y)
    together = draw(problem, 1 + following, restarts, torch.Generator().manual_seed(seed), y)
    for one, all_of_them, size in zip(alone, together, (2, 3), strict=True):
        assert all_of_them.shape == (1 + following, restarts, size)
        assert torch.equal(one[0], all_of_them[0])
        assert all_of_them.flatten(0, 1).unique(dim=0).shape[0] == (1 + following) * restarts


def test_starts_have_the_measurements_precision() -> None:
    for dtype in (torch.float32, torch.float64):
        starts = draw(tiny(), 1, 1, torch.Generator(), torch.zeros(1, dtype=dtype))
        assert [start.dtype for start in starts] == [dtype, dtype]


def test_the_encoder_start_encodes_the_regularised_inverse() -> None:
    problem = tiny(encodes=True)
    y, h, m = normal(3, *Y, seed=1), normal(3, 2, seed=2), normal(3, 3, seed=3)
    found = improve("encoder", problem, y, h, m)
    images = [
        ridge_solution(dense(problem.operator, problem.priors[0](each[None]), X), measurement, RIDGE)
        for each, measurement in zip(h, y, strict=True)
    ]
    image = torch.stack(images).reshape(3, *X)
    torch.testing.assert_close(found, problem.priors[1].encode(image), rtol=1e-7, atol=1e-7)

    problem.priors[1].bounds = (-0.1, 0.1)
    clipped = problem.priors[1].encode(image.clamp(-0.1, 0.1))
    assert (image.abs() > 0.1).any()
    torch.testing.assert_close(improve("encoder", problem, y, h, m), clipped, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["encoder", "image", "random"])
def test_the_solver_begins_there(kind: str) -> None:
    problem = Problem(Elementwise(), (UnitSum((2, 3)), Subspace((2, 3), 2, torch.Generator())))
    y = normal(2, 2, 3, seed=0)
    found = solve(AltGD.from_spec(**STILL, restarts=1, start=kind), problem, y)
    h, m = (start[:, 0] for start in draw(problem, 2, 1, torch.Generator().manual_seed(5), y))
    torch.testing.assert_close(found.latents, (h, improve(kind, problem, y, h, m)))
    assert (kind == "random") == torch.equal(found.latents[1], m)


@given(seed=seeds)
def test_the_image_start_is_the_closest_image(seed: int) -> None:
    prior = Subspace((2, 3), 2, torch.Generator().manual_seed(seed))
    problem = Problem(Elementwise(), (UnitSum((2, 3)), prior))
    y, m = normal(4, 2, 3, seed=seed), 3 * normal(4, 2, seed=seed + 1)
    found = improve("image", problem, y, torch.zeros(4, 2, 3).double(), m)
    distance = [(y - prior(latent)).flatten(1).square().sum(1) for latent in (m, found, prior.encode(y))]
    assert (distance[1] < distance[0]).all()
    torch.testing.assert_close(distance[1], distance[2], rtol=1e-2, atol=1e-2)
    assert not found.requires_grad


def test_the_image_start_needs_an_image_of_the_measurements_shape() -> None:
    with pytest.raises(InputError, match=r"start=image.*\(2, 3, 4\).*\(1, 2, 3\)"):
        solve(AltGD.from_spec(**STILL, start="image"), tiny(), normal(1, *Y, seed=0))


def test_the_encoder_start_needs_an_encoder() -> None:
    with pytest.raises(InputError, match="start=encoder"):
        solve(AltGD.from_spec(**STILL, start="encoder"), tiny(), normal(1, *Y, seed=0))


@pytest.mark.parametrize(("encodes", "expected"), [(True, "encoder"), (False, "random")])
def test_auto_asks_whether_there_is_an_encoder(encodes: bool, expected: str) -> None:
    problem = tiny(encodes=encodes)
    y = measured(problem, 2)
    assert kind_of_start("auto", problem) == expected
    auto, named = (
        solve(AltGD.from_spec(**STILL, restarts=3, start=kind), problem, y) for kind in ("auto", expected)
    )
    assert torch.equal(auto.restarts.residual, named.restarts.residual)


def known_and_encoded(known: str) -> Problem:
    rng = torch.Generator().manual_seed(1)
    w = Known(W, rng) if known in "wboth" else UnitSum(W)
    x = Known(X, rng) if known in ("x", "both") else Subspace(X, 3, rng)
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
    solver = AltGD.from_spec(preset="paper", steps=3, restarts=4, keep=(3, 2), start=kind)
    found = solve(solver, problem, normal(2, *Y, seed=0))
    assert found.restarts.residual.shape == (2, restarts)
    assert found.history.shape == (2, restarts, 3)


def test_with_a_known_w_the_rest_is_a_linear_problem_and_is_solved() -> None:
    """A free image: the minimiser is the ridge solution, which the encoder start is already close to."""
    rng = torch.Generator().manual_seed(0)
    known = Known((2, 4), rng)
    problem = Problem(Elementwise(), (known, Free((2, 4))))
    y, w = normal(2, 2, 4, seed=0), known.signal
    options = attrs.evolve(AltGD(), steps=300, gamma=0.05, anneal=1.0, slack=0.0)
    found = solve(options, problem, y)
    torch.testing.assert_close(found.x, w * y / (w**2 + 0.05), rtol=1e-4, atol=1e-4)


def test_a_wrapped_generator_without_an_encoder_starts_at_random() -> None:
    inner = tiny(encodes=True)
    hidden = attrs.evolve(inner, priors=(inner.priors[0], Wrapped(inner.priors[1], lambda _, signal: signal)))
    assert kind_of_start("auto", hidden) == "random"
