"""Schedules, one step, and candidates that leave the finite numbers alone."""

from __future__ import annotations

import math

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.testing._problems import Elementwise, Free
from invkit_altgd.altgd import AltGD
from invkit_altgd.descent import Batch, Schedule
from invkit_altgd.starts import draw
from tests.plugins.altgd.problems import (
    Listener,
    Wrapped,
    measured,
    normal,
    residual,
    solve,
    tiny,
)

rates = st.floats(1e-4, 10)


@given(steps=st.integers(1, 5000), rate=rates, tau=st.floats(1, 1e4), data=st.data())
def test_rates(steps: int, rate: float, tau: float, data) -> None:
    step = data.draw(st.integers(0, steps))
    at = {
        decay: Schedule(steps, rate, decay, tau, 1.0).rate_at(step)
        for decay in ("constant", "exponential", "cosine")
    }
    assert at["constant"] == rate
    assert at["exponential"] == pytest.approx(rate * math.exp(-step / tau))
    assert at["cosine"] == pytest.approx(rate * math.cos(math.pi * step / steps / 2) ** 2, abs=1e-12 * rate)


@given(steps=st.integers(1, 1000), anneal=st.floats(1, 1e4))
def test_weights_fall_geometrically_until_half_of_the_steps(steps: int, anneal: float) -> None:
    def at(step: int) -> float:
        return Schedule(4 * steps, 1.0, "constant", 1.0, anneal).heaviness_at(step)

    assert at(0) == pytest.approx(anneal)
    assert at(steps) == pytest.approx(anneal**0.5)
    assert at(2 * steps) == at(3 * steps) == at(4 * steps) == 1
    falling = [at(step) for step in range(0, 2 * steps + 1, max(1, steps // 5))]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("order", ["jacobi", "gauss-seidel"])
def test_one_step_of_a_product_of_numbers(order: str) -> None:
    """(y − hm)² by hand: y = 5, h = 2, m = 1, η = 0.1."""
    problem = Problem(Elementwise(), (Free((1, 1)), Free((1, 1))))
    y, h, m = (torch.full((1, 1, 1), value).double() for value in (5.0, 2.0, 1.0))
    batch = Batch(problem.measured(y), h, m, torch.arange(1), "gradient", False)
    state = batch.step(0.1, 1.0, order)
    assert state.residual.item() == 9
    new_h = 2 + 0.1 * 2 * 3 * 1
    seen_h = 2 if order == "jacobi" else new_h
    assert batch.h.item() == pytest.approx(new_h)
    assert batch.m.item() == pytest.approx(1 + 0.1 * 2 * (5 - seen_h * 1) * seen_h)


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
        options = {"preset": "paper", "steps": steps, "restarts": restarts, "order": order}
        solve(AltGD.from_spec(**options), problem, measured(plain, n))
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
    solver = AltGD.from_spec(preset="paper", rate=1e6, steps=30, restarts=3, order=order)
    solution = solve(solver, problem, y, listener)
    assert solution.status == (Status.DIVERGED,) * 2
    assert solution.restarts.status == ((Status.DIVERGED,) * 3,) * 2
    assert solution.restarts.residual.isnan().all() and solution.restarts.objective.isnan().all()
    assert_sound(problem, y, solution)
    assert listener.told[-1].objective.isnan().all() and listener.told[-1].residual.isnan().all()
    assert solution.history[:, :, 0].isfinite().all() and solution.history[:, :, -1].isnan().all()


@pytest.mark.parametrize("preset", ["paper", "public", "default"])
@pytest.mark.parametrize("factor", [1e8, 1e160, torch.inf])
def test_a_measurement_that_diverges_leaves_the_others_alone(preset: str, factor: float) -> None:
    problem = Problem(Elementwise(), (Free((2, 3)), Free((2, 3))))
    y = normal(3, 2, 3, seed=0)
    solver = AltGD.from_spec(preset=preset, steps=20, restarts=4)
    beside = y.clone()
    beside[1] = factor
    expected, found = solve(solver, problem, y), solve(solver, problem, beside)
    for one, other in ((found.x, expected.x), (found.w, expected.w), (found.residual, expected.residual)):
        torch.testing.assert_close(one[[0, 2]], other[[0, 2]], rtol=1e-10, atol=1e-12)
    assert found.status[0] == found.status[2] == Status.MAX_ITER
    # Adam and normalised gradients take steps of a size whatever the scale; only a square may be too large.
    assert (found.status[1] == Status.DIVERGED) == (preset == "paper" or factor > 1e154)


def with_holes(problem: Problem, hole: float = torch.nan) -> Problem:
    """The same, but the prior of x gives ``hole`` where the first number of the latent is above 0.3."""

    def pierced(latent: Tensor, signal: Tensor) -> Tensor:
        return torch.where((latent[:, 0] > 0.3).reshape(-1, 1, 1, 1), torch.full_like(signal, hole), signal)

    return attrs.evolve(problem, priors=(problem.priors[0], Wrapped(problem.priors[1], pierced)))


@pytest.mark.parametrize("hole", [torch.nan, torch.inf])
@pytest.mark.parametrize("update", ["gradient", "adam"])
def test_a_restart_that_is_not_finite_drops_out_alone(update: str, hole: float) -> None:
    plain = tiny()
    y, restarts = measured(plain, 2), 6
    solver = AltGD.from_spec(preset="paper", steps=40, restarts=restarts, update=update)
    safe, found = solve(solver, plain, y), solve(solver, with_holes(plain, hole), y)
    diverged = [[status == Status.DIVERGED for status in row] for row in found.restarts.status]
    mask = torch.tensor(diverged)
    assert mask.any() and not mask.all(1).any()
    _, m = draw(plain, 2, restarts, torch.Generator().manual_seed(5), y)
    assert mask[m[:, :, 0] > 0.3].all()
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
    h, m = normal(1, 2, seed=0), torch.tensor([[0.29, 0.0, 0.0]]).double()
    batch = Batch(with_holes(plain).measured(y), h, m, torch.arange(1), "gradient", False)
    batch.step(1e-12, 1.0, "jacobi")
    assert batch.alive.all()
    batch.m = batch.m + 0.02
    batch.step(1e-12, 1.0, "jacobi")
    assert not batch.alive.any()
    batch.step(1.0, 1.0, "jacobi")
    batch.settle()
    torch.testing.assert_close((batch.h, batch.m), (h, m), rtol=0, atol=1e-9)


def test_a_finite_restart_wins_even_where_all_diverge() -> None:
    """Restarts that begin in a hole have nothing finite; those that diverge later do."""
    free = Problem(Elementwise(), (Free((1, 2)), Free((1, 2))))

    def pierced(latent: Tensor, signal: Tensor) -> Tensor:
        return torch.where(
            (latent[:, :, :1] > 0).expand_as(signal), torch.full_like(signal, torch.nan), signal
        )

    problem = attrs.evolve(free, priors=(free.priors[0], Wrapped(free.priors[1], pierced)))
    y = normal(4, 1, 2, seed=0)
    _, m = draw(problem, 4, 6, torch.Generator().manual_seed(5), y)
    in_hole = m[:, :, 0, 0] > 0
    assert in_hole[:, 0].any() and not in_hole.all(1).any()
    solution = solve(AltGD.from_spec(preset="paper", rate=1e6, steps=20, restarts=6), problem, y)
    assert solution.status == (Status.DIVERGED,) * 4
    assert_sound(problem, y, solution)
    assert not any(in_hole[row, winner] for row, winner in enumerate(solution.restarts.winner))
