"""Recovery via back-propagation: the projection of the measurement, and no kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit import InputError, Problem, Status
from invkit.contracts.noise import Gaussian
from invkit.testing import check_solver
from invkit_baselines.closest import Range
from tests.plugins.baselines.known import draw
from tests.solver_examples import solver_examples


def solve(solver: Range, prior: str, y: torch.Tensor, operator: str = "circconv") -> invkit.Solution:
    priors = (invkit.prior("identity?shape=1x3x3"), invkit.prior(prior).to(y.dtype))
    problem = Problem(invkit.operator(operator), priors)
    return solver.solve(problem, y, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("options", ["steps=10,restarts=3", "steps=4,restarts=1,weight_x=0.1"])
def test_keeps_the_contract(options: str) -> None:
    check_solver(invkit.solver(f"range?{options}"), seed=5, examples=solver_examples("range", 5)[-1:])


def test_is_the_projection_of_the_measurement() -> None:
    """The same as `invkit.project`, with the prior the project ships."""
    y = draw(0, 2, 1, 28, 28).float()
    solution = solve(Range(steps=5, restarts=2), "vae:mnist", y)
    found = invkit.project(invkit.prior("vae:mnist"), y, steps=5, restarts=2, seed=0)
    torch.testing.assert_close(solution.x, found.signal)
    torch.testing.assert_close(solution.latents[1], found.latent)
    torch.testing.assert_close(solution.restarts.objective / 784, found.restarts)
    assert solution.restarts.winner == tuple(found.chosen.tolist())


def test_in_a_subspace_it_is_the_least_squares_solution(tmp_path: Path) -> None:
    basis = draw(0, 3, 1, 8, 8)
    np.savez(tmp_path / "basis.npz", basis=basis.numpy())
    y = draw(1, 3, 1, 8, 8)
    solution = solve(Range(steps=200, restarts=2), f"subspace:{tmp_path / 'basis.npz'}", y)
    expected = torch.linalg.lstsq(basis.flatten(1).T, y.flatten(1).T).solution.T
    torch.testing.assert_close(solution.latents[1], expected, atol=1e-4, rtol=0)
    assert solution.w is None and solution.latents[0] is None
    assert solution.residual.isnan().all() and solution.restarts.residual.isnan().all()
    assert solution.restarts.criterion == "objective"
    assert solution.status == (Status.MAX_ITER,) * 3
    errors = (solution.x - y).square().sum((1, 2, 3))
    torch.testing.assert_close(solution.restarts.objective.min(1).values, errors)


def test_chunks_of_measurements_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    import invkit.projection as projection

    y = draw(0, 3, 1, 28, 28)  # in 64 bits: rounding depends on the batch, and Adam makes much of it
    at_once = solve(Range(steps=4, restarts=2), "vae:mnist", y)
    monkeypatch.setattr(projection, "_VALUES_AT_ONCE", 2 * 784)
    one_by_one = solve(Range(steps=4, restarts=2), "vae:mnist", y)
    torch.testing.assert_close(one_by_one.x, at_once.x)
    assert one_by_one.history_steps == at_once.history_steps == (1, 2, 3, 4)


def test_what_was_not_measured_is_left_out_and_a_solution_is_gone_on_from(tmp_path: Path) -> None:
    basis, y = draw(0, 3, 1, 8, 8), draw(1, 3, 1, 8, 8)
    np.savez(tmp_path / "basis.npz", basis=basis.numpy())
    mask = (draw(2, 1, 8, 8) > 0.3).double()
    subspace = invkit.prior(f"subspace:{tmp_path / 'basis.npz'}").double()
    priors = (invkit.prior("identity?shape=1x3x3"), subspace)
    problem = Problem(invkit.operator("circconv"), priors, noise=Gaussian(mask))
    solver = Range(steps=200, restarts=2)
    found = [solver.solve(problem, y + each * (1 - mask), torch.Generator()) for each in (0, 9)]
    assert torch.equal(found[0].x, found[1].x)
    seen = mask.flatten() > 0
    expected = torch.linalg.lstsq(basis.flatten(1).T[seen], y.flatten(1).T[seen]).solution.T
    torch.testing.assert_close(found[0].latents[1], expected, atol=1e-3, rtol=0)
    again = Range(steps=1).solve(problem, y, torch.Generator(), start=found[0])
    assert again.restarts.objective.shape == (3, 1)
    assert (again.restarts.objective[:, 0] <= found[0].restarts.objective.min(1).values + 1e-12).all()


def test_equal_measurements_end_equal() -> None:
    solution = solve(Range(steps=4, restarts=3), "vae:mnist", draw(0, 1, 1, 28, 28).expand(3, 1, 28, 28))
    torch.testing.assert_close(solution.x, solution.x[:1].expand_as(solution.x))


def test_a_known_picture_has_nothing_to_choose(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", draw(0, 1, 8, 8).numpy())
    y = draw(1, 2, 1, 8, 8)
    solution = solve(Range(steps=7), f"known:{tmp_path / 'x.npy'}", y)
    torch.testing.assert_close(solution.x, draw(0, 1, 8, 8).expand(2, 1, 8, 8))


def test_a_measurement_of_another_shape_than_the_picture_is_refused() -> None:
    with pytest.raises(InputError, match="their shapes") as error:
        solve(Range(), "identity", draw(0, 1, 1, 8, 8), "linconv?mode=valid")
    assert error.value.hint


def test_the_pipeline_takes_a_solution_without_w() -> None:
    pipeline = invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], "range?steps=2")
    solution = pipeline(draw(0, 8, 8))
    assert solution.x.shape == (8, 8) and solution.w is None
