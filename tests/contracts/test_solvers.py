"""The contract of solvers, property by property, over every solver that is registered."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import Problem, Status
from invkit.contracts.solver import Example
from invkit.plugin.loading import default_manager
from invkit.testing import check_solver
from invkit.testing.solvers import CHECKS, Case, examples_for
from tests.strategies import solver_specs

SPECS = solver_specs()
CASES = [(spec, example) for spec in SPECS for example in examples_for(invkit.solver(spec), 0)]
every_solver = pytest.mark.parametrize("spec", SPECS)


def test_every_registered_solver_is_here() -> None:
    registered = {entry.name for entry in default_manager().registry.entries("solver")}
    assert registered == {spec.partition("?")[0] for spec in SPECS}
    assert "altgd" in registered


def test_one_solver_is_the_default() -> None:
    assert [entry.default for entry in default_manager().registry.entries("solver")].count(True) == 1


@pytest.mark.parametrize(("spec", "example"), CASES, ids=[f"{spec}-{each.name}" for spec, each in CASES])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_contract(spec: str, example: Example, check) -> None:
    check(Case(invkit.solver(spec), example, 0))


@every_solver
def test_another_problem_another_seed(spec: str) -> None:
    check_solver(invkit.solver(spec), seed=20261122)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if not invkit.solver(spec).examples(0)])
def test_solves_what_a_pipeline_gives_it(spec: str) -> None:
    """A real operator with priors that have no shape of their own, one number of which is known."""
    w = torch.rand(2, 1, 8, 8) + 0.1
    problem = Problem(invkit.operator("pointwise"), (invkit.prior("identity"), invkit.prior("identity")))
    y = w * torch.rand(2, 1, 8, 8)
    solution = invkit.solver(spec).solve(problem.shaped((1, 8, 8)), y, torch.Generator().manual_seed(0))
    assert solution.x.shape == solution.w.shape == (2, 1, 8, 8)
    assert set(solution.status) <= {Status.MAX_ITER, Status.CONVERGED}
    assert (solution.residual < y.square().flatten(1).sum(1)).all()
