"""The contract of solvers, property by property, over every solver that is registered."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Problem, Solver, Status
from invkit.errors import PluginError
from invkit.plugin.loading import default_manager
from invkit.testing import check_solver
from invkit.testing.solvers import CHECKS, Case
from tests.solver_examples import MADE, made_solver, solver_examples
from tests.strategies import solver_names, solver_spec

NAMES = solver_names()
every_solver = pytest.mark.parametrize("name", NAMES)


@cache
def cases(name: str) -> list[Case]:
    """The solver with few steps, on the problems that it is tried on."""
    spec = solver_spec(name)
    solver = made_solver(spec)
    return [Case(solver, example, 0) for example in solver_examples(spec, 0)]


def test_every_registered_solver_is_here() -> None:
    assert "altgd" in NAMES and set(MADE) <= set(NAMES)


def test_one_solver_is_the_default() -> None:
    assert [entry.default for entry in default_manager().registry.entries("solver")].count(True) == 1


@every_solver
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_contract(name: str, check) -> None:
    for case in cases(name):
        try:
            check(case)
        except AssertionError as error:
            raise AssertionError(f"{error} [{case.example.name}]") from error


@every_solver
def test_complex_numbers_are_refused_by_solvers_for_real_ones(name: str) -> None:
    """Also without a pipeline before the solver."""
    solver, example = cases(name)[0].solver, cases(name)[0].example
    y, own = example.y.to(torch.complex128), example.problem.priors
    priors = invkit.prior("identity?field=complex"), own[1]
    if solver.takes_complex:
        solver.require_field(priors, y)
        return
    with pytest.raises(InputError, match=r"measurements of torch\.complex128"):
        solver.solve(example.problem, y, torch.Generator())
    with pytest.raises(InputError, match="complex prior Identity"):
        solver.solve(attrs.evolve(example.problem, priors=priors), example.y, torch.Generator())


class Told(Solver):
    """Returns the solution of a quick solver with some of its fields replaced by others."""

    def __init__(self, finds_w: bool = True, writes: bool = False, **changes: Any) -> None:
        self.finds_w, self.writes, self.changes = finds_w, writes, changes

    def solve(
        self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
    ) -> Any:
        quick = invkit.solver("altgd?steps=2,restarts=1,start=random")
        found = quick.solve(problem, y, rng, monitors, start=start)
        if self.writes:
            y *= 2
        return self.changes["returned"] if "returned" in self.changes else attrs.evolve(found, **self.changes)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("solver", "says"),
    [
        (Told(returned=None), "returned None, which is no invkit.Solution"),
        (Told(x=torch.full((2, 1, 4, 4), torch.nan)), "NaN or infinite values in x where the status is"),
        (Told(w=torch.full((2, 1, 3, 3), torch.inf)), "NaN or infinite values in w"),
        (Told(x=torch.zeros(2, 1, 4, 5)), r"x of shape \(2, 1, 4, 5\), expected \(2, 1, 4, 4\)"),
        (Told(x=torch.zeros(1, 1, 4, 4)), r"x of shape \(1, 1, 4, 4\), expected \(2, 1, 4, 4\)"),
        (Told(w=None), "NoneType as w, which is no tensor"),
        (Told(finds_w=False, x=None), "NoneType as x"),
        (Told(x=np.zeros((2, 1, 4, 4))), "ndarray as x, which is no tensor"),
        (Told(status=(Status.CONVERGED,)), "the statuses .* for 2 measurements"),
        (Told(status=("fine", "fine")), "the statuses .*'fine'.* a tuple of an invkit.Status each"),
        (Told(residual=[0.0, 0.0]), r"the residual \[0.0, 0.0\] for 2 measurements"),
        (Told(confidence=torch.ones(3)), "the confidence tensor.* for 2 measurements"),
        (Told(writes=True), r"changed the measurements.*write y = y\.clone\(\)"),
    ],
)
def test_what_is_no_solution_of_these_measurements_is_refused(solver: Solver, says: str) -> None:
    y = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(PluginError, match=f"Told.solve .*{says}"):
        invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], solver)(y)


def test_what_diverged_may_be_anything_and_an_image_may_come_alone() -> None:
    y = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x = torch.zeros(2, 1, 4, 4)
    x[1] = torch.nan
    for solver in (Told(x=x, status=(Status.MAX_ITER, Status.DIVERGED)), Told(finds_w=False, w=None)):
        found = invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], solver)(y)
        assert found.x.shape == y.shape


@pytest.mark.parametrize("name", ["als", "altgd", "blindrl", "irgnm", "lm", "palm", "tv"])
def test_another_problem_another_seed(name: str) -> None:
    """By the check that plugins use. The slowest solvers are left to the checks above."""
    spec, seed = solver_spec(name), 20261122
    check_solver(made_solver(spec), seed=seed, examples=solver_examples(spec, seed)[:1])


def test_the_default_solver_solves_what_a_pipeline_gives_it() -> None:
    """A real operator with priors that have no shape of their own."""
    (name,) = [entry.name for entry in default_manager().registry.entries("solver") if entry.default]
    w = torch.rand(2, 1, 8, 8) + 0.1
    problem = Problem(invkit.operator("pointwise"), (invkit.prior("identity"), invkit.prior("identity")))
    y = w * torch.rand(2, 1, 8, 8)
    solver = invkit.solver(solver_spec(name))
    solution = solver.solve(problem.shaped((1, 8, 8)), y, torch.Generator().manual_seed(0))
    assert solution.x.shape == solution.w.shape == (2, 1, 8, 8)
    assert set(solution.status) <= {Status.MAX_ITER, Status.CONVERGED}
    assert (solution.residual < y.square().flatten(1).sum(1)).all()


@pytest.mark.parametrize("slots", [True, False])
def test_a_solver_of_attrs_may_call_its_base(slots: bool) -> None:
    """attrs makes a class with slots anew; the check of complex numbers must not hide ``super()`` from it."""
    calls = []

    @attrs.frozen(slots=slots)
    class Base(Solver):
        def solve(self, problem, y, rng, monitors=(), *, start=None):  # type: ignore[no-untyped-def]
            calls.append("base")
            return invkit.solver("altgd?steps=1,restarts=1,keep=1").solve(problem, y, rng)

    @attrs.frozen(slots=slots)
    class Derived(Base):
        def solve(self, problem, y, rng, monitors=(), *, start=None):  # type: ignore[no-untyped-def]
            calls.append("derived")
            return super().solve(problem, y, rng, monitors, start=start)

    example = cases("altgd")[0].example
    Derived().solve(example.problem, example.y, torch.Generator())
    assert calls == ["derived", "base"]
    with pytest.raises(InputError, match="complex"):
        Derived().solve(example.problem, example.y.to(torch.complex128), torch.Generator())
    assert calls == ["derived", "base"]
