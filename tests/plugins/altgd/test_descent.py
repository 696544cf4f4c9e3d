"""Schedules, one step, whole paths, and candidates that leave the finite numbers alone."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.errors import InvkitError
from invkit.solving import Candidates
from invkit.testing._problems import Elementwise, Free
from invkit_altgd.altgd import Penalties
from invkit_altgd.descent import Descent, Step, normalised
from tests.plugins.altgd.problems import (
    PRINTED,
    PUBLISHED,
    Listener,
    Wrapped,
    altgd,
    measured,
    normal,
    residual,
    solve,
    starts_of,
    tiny,
)
from tests.strategies import seeds

rates = st.floats(1e-4, 10)


@given(steps=st.integers(1, 5000), rate=rates, tau=st.floats(1, 1e4), data=st.data())
def test_rates(steps: int, rate: float, tau: float, data: Any) -> None:
    step = data.draw(st.integers(0, steps))
    at = {
        decay: Descent(steps=steps, rate=rate, decay=decay, decay_steps=tau).rate_at(step)  # type: ignore[arg-type]
        for decay in ("constant", "exponential", "cosine")
    }
    assert at["constant"] == rate
    assert at["exponential"] == pytest.approx(rate * math.exp(-step / tau))
    assert at["cosine"] == pytest.approx(rate * math.cos(math.pi * step / steps / 2) ** 2, abs=1e-12 * rate)


@given(steps=st.integers(1, 1000), anneal=st.floats(1, 1e4))
def test_weights_fall_geometrically_until_half_of_the_steps(steps: int, anneal: float) -> None:
    def at(step: int) -> float:
        return Penalties(anneal=anneal).factor_at(step, 4 * steps)

    assert at(0) == pytest.approx(anneal)
    assert at(steps) == pytest.approx(anneal**0.5)
    assert at(2 * steps) == at(3 * steps) == at(4 * steps) == 1
    falling = [at(step) for step in range(0, 2 * steps + 1, max(1, steps // 5))]
    assert falling == sorted(falling, reverse=True)


@given(seed=seeds)
def test_normalised_is_the_gradient_over_its_own_root_mean_square(seed: int) -> None:
    gradient = normal(3, 2, 4, seed=seed) * torch.tensor([1.0, 1e-5, 1e5]).double().reshape(3, 1, 1)
    for each, direction in zip(gradient, normalised(gradient), strict=True):
        torch.testing.assert_close(direction, each / ((each**2).mean() ** 0.5 + 1e-5))
    assert normalised(gradient[:, :0]).shape == (3, 0, 4)


@pytest.mark.parametrize("order", ["jacobi", "gauss-seidel"])
def test_one_step_of_a_product_of_numbers(order: Any) -> None:
    """(y − hm)² by hand: y = 5, h = 2, m = 1, η = 0.1."""
    problem = Problem(Elementwise(), (Free((1, 1)), Free((1, 1))))
    y, h, m = (torch.full((1, 1, 1), value).double() for value in (5.0, 2.0, 1.0))
    c = Candidates(problem, y, h[None], m[None])
    Step(Descent(update="gradient", order=order, decay="constant", rate=0.1))(c, 0)
    new_h = 2 + 0.1 * 2 * 3 * 1
    seen_h = 2 if order == "jacobi" else new_h
    assert c.h.item() == pytest.approx(new_h)
    assert c.m.item() == pytest.approx(1 + 0.1 * 2 * (5 - seen_h * 1) * seen_h)


RESTARTS, STEPS = 3, 60  # a normalised gradient hops about a minimum, where rounding errors soon grow large


def objective(problem: Problem, y: Tensor, h: Tensor, m: Tensor, weight: float) -> Tensor:
    return residual(problem, y, h, m).sum() + weight * (h.square().sum() + m.square().sum())


def gradient(problem: Problem, y: Tensor, h: Tensor, m: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    h, m = h.detach().requires_grad_(), m.detach().requires_grad_()
    found = torch.autograd.grad(objective(problem, y, h, m, weight), (h, m))
    return found[0], found[1]


def as_printed(problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """Algorithm 1 with the settings of Section 4.3, one measurement a candidate."""
    for t in range(STEPS):
        rate = 0.01 * math.exp(-t / 250)
        to_h, to_m = gradient(problem, y, h, m, 0.1)
        h, m = h - rate * to_h, m - rate * to_m
    return h, m


def as_published(problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """The rule of the authors' code: own root mean squares, h first."""
    for t in range(STEPS):
        rate = 0.01 * math.exp(-t / 250)
        to_h, _ = gradient(problem, y, h, m, 0.1)
        h = h - rate * to_h / (to_h.square().mean(1, keepdim=True).sqrt() + 1e-5)
        _, to_m = gradient(problem, y, h, m, 0.1)
        m = m - rate * to_m / (to_m.square().mean(1, keepdim=True).sqrt() + 1e-5)
    return h, m


@pytest.mark.parametrize(("options", "algorithm"), [(PRINTED, as_printed), (PUBLISHED, as_published)])
def test_the_papers_options_are_its_algorithm(options: dict[str, object], algorithm: Any) -> None:
    problem = tiny()
    y = measured(problem, 2)
    found = solve(altgd(**options | {"restarts": RESTARTS, "steps": STEPS}), problem, y)

    starts = starts_of(problem, y, RESTARTS)
    every_y = y.repeat_interleave(RESTARTS, 0)
    h, m = algorithm(problem, every_y, *(start.flatten(0, 1) for start in starts))
    residuals = residual(problem, every_y, h, m).reshape(2, RESTARTS)
    winner = residuals.argmin(1)
    place = torch.arange(2) * RESTARTS + winner

    assert found.restarts.winner == tuple(winner.tolist())
    close = {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(found.restarts.residual, residuals, **close)
    torch.testing.assert_close(found.latents, (h[place], m[place]), **close)
    torch.testing.assert_close(found.x, problem.priors[1](m[place]), **close)
    torch.testing.assert_close(found.w, problem.priors[0](h[place]), **close)
    first = objective(problem, y[:1], starts[0][0, :1], starts[1][0, :1], 0.1)
    if options is PRINTED:  # by the other, h has moved already when the objective is evaluated last
        torch.testing.assert_close(found.history[0, 0, 0], first, **close)


def test_the_default_is_adam_with_a_cosine_and_weights_that_fall() -> None:
    """One candidate from start to end against torch's Adam."""
    problem, steps = tiny(2), 60
    y = measured(problem, 1)
    found = solve(altgd(restarts=1, steps=steps, start="random"), problem, y)

    h, m = (start[0].clone() for start in starts_of(problem, y, 1))
    optimiser = torch.optim.Adam([h.requires_grad_(), m.requires_grad_()], betas=(0.9, 0.99))
    for t in range(steps):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 + math.cos(math.pi * t / steps)) / 2
        factor = 100 ** max(0, 1 - 2 * t / steps)
        optimiser.zero_grad()
        penalty = 1e-4 * h.square().sum() + 1e-5 * m.square().sum()
        (residual(problem, y, h, m).sum() + factor * penalty).backward()
        optimiser.step()
    torch.testing.assert_close(found.latents, (h.detach(), m.detach()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("option", ["preset=paper", "update=momentum", "steps=many", "step=3", "hold=w"])
def test_what_is_no_option_is_refused(option: str) -> None:
    with pytest.raises(InvkitError, match=option.partition("=")[0]):
        invkit.solver(f"altgd?{option}")


@pytest.mark.parametrize(
    "option", ["steps=0", "restarts=0", "keep=0", "rate=0", "weight_w=-1", "slack=-1", "anneal=0.5"]
)
def test_numbers_that_make_no_sense_are_refused(option: str) -> None:
    with pytest.raises(InvkitError, match=option.partition("=")[0]):
        invkit.solver(f"altgd?{option}")


def test_jacobi_takes_one_forward_and_one_backward_pass_a_step() -> None:
    calls = {"forward": 0, "backward": 0}

    def counted(latent: Tensor, signal: Tensor) -> Tensor:
        calls["forward"] += 1

        def count(gradient: Tensor) -> None:
            calls["backward"] += 1

        if signal.requires_grad:
            signal.register_hook(count)
        return signal

    plain = tiny()
    problem = attrs.evolve(plain, priors=tuple(Wrapped(prior, counted) for prior in plain.priors))

    def count(steps: int, restarts: int, n: int, order: str) -> dict[str, int]:
        calls.update(forward=0, backward=0)
        options = PRINTED | {"steps": steps, "restarts": restarts, "order": order}
        solve(altgd(**options), problem, measured(plain, n))
        return dict(calls)

    few, many = count(2, 1, 1, "jacobi"), count(9, 4, 3, "jacobi")
    # Both generators: two calls a step, however many candidates there are.
    assert many["forward"] - few["forward"] == 2 * (9 - 2)
    assert (few["backward"], many["backward"]) == (2 * 2, 2 * 9)
    assert count(9, 4, 3, "gauss-seidel")["backward"] == 2 * 9


# ---------------------------------------------------------------------- divergence


def assert_sound(problem: Problem, y: Tensor, solution: Solution) -> None:
    """Finite, and of a piece: the pair is what the latents make."""
    for found in (solution.x, solution.w, *solution.latents, solution.residual):
        assert torch.isfinite(found).all()
    torch.testing.assert_close(solution.w, problem.priors[0](solution.latents[0]))
    torch.testing.assert_close(solution.residual, residual(problem, y, *solution.latents))


@pytest.mark.parametrize("order", ["jacobi", "gauss-seidel"])
def test_far_too_large_a_rate_diverges_and_leaves_the_last_finite_latents(order: str) -> None:
    """(y − hm)² with η = 10⁶ explodes at once: free signals, nothing squashes them."""
    problem = Problem(Elementwise(), (Free((2, 3)), Free((2, 3))))
    y = normal(2, 2, 3, seed=0)
    listener = Listener()
    solver = altgd(**PRINTED | {"rate": 1e6, "steps": 30, "restarts": 3, "order": order})
    solution = solve(solver, problem, y, listener)
    assert solution.status == (Status.DIVERGED,) * 2
    assert solution.restarts.status == ((Status.DIVERGED,) * 3,) * 2
    assert solution.restarts.residual.isnan().all() and solution.restarts.objective.isnan().all()
    assert_sound(problem, y, solution)
    assert listener.told[-1].objective.isnan().all() and listener.told[-1].residual.isnan().all()
    assert solution.history[:, :, 0].isfinite().all() and solution.history[:, :, -1].isnan().all()


@pytest.mark.parametrize("options", [PRINTED, PUBLISHED, {}], ids=["printed", "published", "default"])
@pytest.mark.parametrize("factor", [1e8, 1e160])
def test_a_measurement_that_diverges_leaves_the_others_alone(options: dict, factor: float) -> None:
    problem = Problem(Elementwise(), (Free((2, 3)), Free((2, 3))))
    y = normal(3, 2, 3, seed=0)
    solver = altgd(**options | {"steps": 20, "restarts": 4})
    beside = y.clone()
    beside[1] = factor
    expected, found = solve(solver, problem, y), solve(solver, problem, beside)
    for one, other in ((found.x, expected.x), (found.w, expected.w), (found.residual, expected.residual)):
        torch.testing.assert_close(one[[0, 2]], other[[0, 2]], rtol=1e-10, atol=1e-12)
    assert found.status[0] == found.status[2] == Status.MAX_ITER
    # Adam and normalised gradients take steps of a size whatever the scale; only a square may be too large.
    assert (found.status[1] == Status.DIVERGED) == (options is PRINTED or factor > 1e154)


def with_holes(problem: Problem, hole: float = torch.nan) -> Problem:
    """The same, but the prior of x gives ``hole`` where the first number of the latent is below −1.8."""

    def pierced(latent: Tensor, signal: Tensor) -> Tensor:
        return torch.where((latent[:, 0] < -1.8).reshape(-1, 1, 1, 1), torch.full_like(signal, hole), signal)

    return attrs.evolve(problem, priors=(problem.priors[0], Wrapped(problem.priors[1], pierced)))


@pytest.mark.parametrize("hole", [torch.nan, torch.inf])
@pytest.mark.parametrize("update", ["gradient", "adam"])
def test_a_restart_that_is_not_finite_drops_out_alone(update: str, hole: float) -> None:
    plain = tiny()
    y, restarts = measured(plain, 2), 6
    solver = altgd(**PRINTED | {"steps": 40, "restarts": restarts, "update": update})
    safe, found = solve(solver, plain, y), solve(solver, with_holes(plain, hole), y)
    diverged = [[status == Status.DIVERGED for status in row] for row in found.restarts.status]
    mask = torch.tensor(diverged)
    assert mask.any() and not mask.all(1).any()
    _, m = starts_of(plain, y, restarts)
    assert mask[m[:, :, 0] < -1.8].all()
    assert found.restarts.residual[mask].isnan().all()
    torch.testing.assert_close(found.restarts.residual[~mask], safe.restarts.residual[~mask])
    torch.testing.assert_close(found.history[~mask], safe.history[~mask])
    least = torch.where(mask, torch.inf, found.restarts.residual)
    assert found.restarts.winner == tuple(least.argmin(1).tolist())
    assert found.status == (Status.MAX_ITER,) * 2
    torch.testing.assert_close(found.residual, least.amin(1))
    torch.testing.assert_close(residual(plain, y, *found.latents), found.residual)


def test_walking_into_a_hole_ends_a_candidate_where_it_last_was_finite() -> None:
    plain = tiny()
    y = measured(plain, 1)
    h, m = normal(1, 2, seed=0), torch.tensor([[-1.79, 0.0, 0.0]]).double()
    c = Candidates(with_holes(plain), y, h[None], m[None])
    short, long = (Step(Descent(update="gradient", decay="constant", rate=rate)) for rate in (1e-12, 1.0))
    short(c, 0)
    assert c.alive.all()
    c.move(m=c.m - 0.02)
    short(c, 1)
    assert not c.alive.any()
    long(c, 2)
    c.settle(Status.MAX_ITER)
    assert c.status == [Status.DIVERGED]
    torch.testing.assert_close((c.h, c.m), (h, m), rtol=0, atol=1e-9)


def test_a_finite_restart_wins_even_where_all_diverge() -> None:
    """Restarts that begin in a hole have nothing finite; those that diverge later do."""
    free = Problem(Elementwise(), (Free((1, 2)), Free((1, 2))))

    def pierced(latent: Tensor, signal: Tensor) -> Tensor:
        return torch.where(
            (latent[:, :, :1] > 0).expand_as(signal), torch.full_like(signal, torch.nan), signal
        )

    problem = attrs.evolve(free, priors=(free.priors[0], Wrapped(free.priors[1], pierced)))
    y = normal(4, 1, 2, seed=0)
    _, m = starts_of(problem, y, 6)
    in_hole = m[:, :, 0, 0] > 0
    assert in_hole[:, 0].any() and not in_hole.all(1).any()
    solution = solve(altgd(**PRINTED | {"rate": 1e6, "steps": 20, "restarts": 6}), problem, y)
    assert solution.status == (Status.DIVERGED,) * 4
    assert_sound(problem, y, solution)
    assert not any(in_hole[row, winner] for row, winner in enumerate(solution.restarts.winner))
