"""The second-order finish, on objectives whose minima and curvatures are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invkit_evidence.newton import finish, hessian, moved
from invkit_evidence.posterior import Parameters, Posterior
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.evidence.problems import SIZE, candidates, images, normal, parabola


def hessians(objective: Posterior, at: Parameters) -> Tensor:
    """One a candidate."""
    rows = torch.arange(len(at.h)).split(1)
    return torch.stack([hessian(objective.select(row), at.select(row)) for row in rows])


@settings(max_examples=5)
@given(seed=st.integers(0, 100))
def test_a_parabolas_hessian_is_its_own(seed: int) -> None:
    """2c on the diagonal, and in u, of Σ c (w − t)² exp(−2u) + 2u + ½u², what the derivatives say."""
    target, start = normal(1, SIZE, seed=seed), normal(1, SIZE, seed=seed + 1)
    found = hessian(parabola(target), candidates(start, estimated=True))
    scale = torch.arange(1, SIZE + 1, dtype=start.dtype)
    expected = torch.zeros(SIZE + 1, SIZE + 1, dtype=start.dtype)
    expected[range(SIZE), range(SIZE)] = 2 * scale
    expected[:SIZE, SIZE] = expected[SIZE, :SIZE] = (-4 * scale * (start - target))[0]
    expected[SIZE, SIZE] = 4 * (scale * (start - target).square()).sum() + 1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_of_nothing_there_is_no_hessian() -> None:
    empty = torch.zeros(1, 0, dtype=torch.float64)
    assert hessian(parabola(normal(1, SIZE, seed=0)), Parameters(empty, empty, empty)).shape == (0, 0)


def test_every_candidate_comes_to_its_minimum() -> None:
    targets, start = normal(3, SIZE, seed=1), candidates(3 * normal(3, SIZE, seed=2))
    objective = parabola(targets)
    found, value = finish(objective, start, objective(start), 20, hessians(objective, start))
    assert (value < objective(candidates(targets)) + 0.1).all()  # and there the steps end
    torch.testing.assert_close(value, objective(found))


def test_steps_mend_a_curvature_that_was_wrong() -> None:
    """Fifty times too large, and every step would be a fiftieth of what is left."""
    targets, start = normal(2, SIZE, seed=1), candidates(3 * normal(2, SIZE, seed=2))
    objective, steep = parabola(targets), hessians(parabola(50 * targets), start) * 50
    _, value = finish(objective, start, objective(start), 30, steep)
    assert (value < objective(candidates(targets)) + 0.1).all()


@settings(max_examples=8)
@given(seed=st.integers(0, 100), steps=st.integers(0, 5))
def test_no_candidate_is_worse_for_it(seed: int, steps: int) -> None:
    """Not even where the curvatures are those of quite another objective."""
    fine, coarse = (parabola(scale * normal(4, SIZE, seed=seed)) for scale in (1.0, 50.0))
    start = candidates(normal(4, SIZE, seed=seed + 1), estimated=True)
    before = fine(start)
    found, value = finish(fine, start, before, steps, hessians(coarse, start))
    assert (value <= before).all()
    torch.testing.assert_close(value, fine(found))
    assert steps == 0 or (value < before).any()


def test_of_images_the_fine_objective_falls_by_the_coarse_ones_curvature() -> None:
    problem, _, _, y = images(3)
    problem = problem.shaped(tuple(y.shape[1:]))
    prior = problem.priors[1]
    assert isinstance(prior, Gaussian)
    fine, coarse = (
        Posterior(problem, Gaussian(moments).marginal(y), y.new_full((3,), 0.05))
        for moments in (prior.moments, prior.moments.truncated(2))
    )
    h = problem.priors[0].sample_latent(3, torch.Generator().manual_seed(1), dtype=y.dtype)
    start = Parameters(h, y.new_zeros(3, 0), y.new_zeros(3, 0))
    bent = hessians(coarse, start)
    _, few = finish(fine, start, fine(start).detach(), 3, bent)
    found, many = finish(fine, start, fine(start).detach(), 60, bent)
    assert (few < fine(start)).all() and (many <= few).all()
    _, more = finish(fine, found, many, 20, hessians(fine, found))
    assert (many - more < 0.02 * (fine(start) - more)).all()  # little is left to be had


@pytest.mark.parametrize("steps", [3, 12])
def test_candidates_are_finished_alone_as_among_others(steps: int) -> None:
    """One has nowhere to go, one has far, one gets nowhere."""
    targets, start = normal(3, SIZE, seed=3), normal(3, SIZE, seed=4)
    start[0], start[1], start[2, 0] = targets[0] + 1e-3, 30.0, 50.0
    fine, coarse = parabola(targets, edge=40.0), parabola(targets + 0.3)
    value = fine(candidates(start)).nan_to_num(nan=torch.inf)
    bent = hessians(coarse, candidates(start))
    together, _ = finish(fine, candidates(start), value, steps, bent)
    for row in range(3):
        only = torch.tensor([row])
        alone, _ = finish(fine.select(only), candidates(start[only]), value[only], steps, bent[only])
        torch.testing.assert_close(alone.h[0], together.h[row], rtol=1e-12, atol=1e-12)


def test_what_is_not_a_number_stays_where_it_is() -> None:
    objective = parabola(normal(2, SIZE, seed=5), edge=-10.0)
    start = candidates(normal(2, SIZE, seed=6))
    before = objective(start).nan_to_num(nan=torch.inf)
    assert torch.isinf(before).all()
    found, value = finish(objective, start, before, 3, hessians(objective, start))
    assert torch.equal(found.h, start.h) and torch.equal(value, before)


def test_no_step_leads_to_what_is_not_a_number() -> None:
    targets, start = torch.ones(2, SIZE).double(), candidates(-torch.ones(2, SIZE).double())
    objective = parabola(targets, edge=-0.5)
    found, value = finish(objective, start, objective(start), 6, hessians(objective, start))
    assert torch.isfinite(value).all() and (found.h[:, 0, 0] <= -0.5).all()
    assert (value < objective(start)).all()


@given(moves=st.lists(st.floats(-5, 5), min_size=SIZE + 1, max_size=SIZE + 1))
def test_moves_are_of_all_parameters_in_order(moves: list[float]) -> None:
    start = candidates(normal(1, SIZE, seed=7), estimated=True)
    row = torch.tensor([moves], dtype=torch.float64)
    found = moved(start, row.expand(2, -1))
    flat: Tensor = torch.cat([part.flatten(1) for part in found.parts], 1)
    before = torch.cat([part.flatten(1) for part in start.parts], 1)
    torch.testing.assert_close(flat, (before + row).expand(2, -1))
