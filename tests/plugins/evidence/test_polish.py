"""Another solver's image for the kernel that was found."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import torch
from invkit_evidence.polish import Polish

import invkit
from invkit import InvkitError, Problem, Status
from invkit.testing import check_solver
from invkit_classical.known import Known
from invkit_evidence.evidence import Evidence
from tests.plugins.evidence.problems import images, solve


def test_the_image_is_the_other_solvers_and_the_kernel_stays() -> None:
    problem, _, _, y = images(2)
    plain, polished = solve(problem, y), solve(problem, y, polish="tv?mu=0.02")
    assert torch.equal(plain.w, polished.w) and torch.equal(plain.confidence, polished.confidence)
    for row in range(2):
        given = Problem(problem.operator, (Known(plain.w[row]), invkit.prior("identity?shape=1x6x7")))
        alone = invkit.solver("tv?mu=0.02").solve(given, y[row : row + 1], torch.Generator())
        torch.testing.assert_close(polished.x[row : row + 1], alone.x)
    assert not torch.allclose(plain.x, polished.x)
    residual = (y - problem.operator(polished.w, polished.x)).flatten(1).square().sum(1)
    torch.testing.assert_close(polished.residual, residual)
    torch.testing.assert_close(problem.priors[1](polished.latents[1]), polished.x)
    assert torch.equal(plain.restarts.objective.nan_to_num(), polished.restarts.objective.nan_to_num())


def test_the_prior_of_the_last_image_is_its_own() -> None:
    problem, _, _, y = images(1)
    found = solve(problem, y, polish="evidence?noise=0.05,steps=4", polish_prior="spectrum")
    given = Problem(problem.operator, (Known(found.w[0]), invkit.prior("spectrum")))
    alone = invkit.solver("evidence?noise=0.05,steps=4").solve(given, y, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found.x, alone.x)
    assert not torch.allclose(found.x, solve(problem, y).x)


def test_it_keeps_a_solvers_promises() -> None:
    check_solver(Evidence(starts=4, keep=(2,), steps=4, doubt=0, polish="tv?steps=3,inner=1"))


@pytest.mark.parametrize(("polish", "says"), [("tw", "unknown solver 'tw'"), ("tv?mu=-1", "mu")])
def test_a_wrong_spec_is_refused_before_anything_is_searched(polish: str, says: str) -> None:
    problem, _, _, y = images(1)
    with pytest.raises(InvkitError, match=says):
        solve(problem, y.fill_(torch.nan), polish=polish)


class Ends:
    """A solver that ends as it is told, measurement by measurement; None: by Ctrl-C that it lets through."""

    def __init__(self, *ends: Status | None) -> None:
        self.ends = iter(ends)

    def solve(self, *arguments: Any) -> invkit.Solution:
        end = next(self.ends)
        if end is None:
            raise KeyboardInterrupt
        return attrs.evolve(invkit.solver("tv?mu=0.02").solve(*arguments), status=(end,))


def polished_by(ends: Ends, y: torch.Tensor, problem: Problem) -> tuple[invkit.Solution, list[bool]]:
    """The solution, and which images are others."""
    plain = solve(problem, y, doubt=0)
    polish = Polish(ends, invkit.prior("identity"))  # type: ignore[arg-type]
    found = polish(problem, y, plain, torch.Generator())
    return found, [not torch.equal(*pair) for pair in zip(found.x, plain.x, strict=True)]


@pytest.mark.parametrize("end", [None, Status.INTERRUPTED])
def test_ctrl_c_keeps_the_images_that_were_not_reached(end: Status | None) -> None:
    """Whether the solver lets it through, or catches it and gives its best so far."""
    problem, _, _, y = images(3)
    found, others = polished_by(Ends(Status.CONVERGED, end), y, problem)
    assert found.status == (Status.MAX_ITER, Status.INTERRUPTED, Status.INTERRUPTED)
    assert others == [True, end is not None, False]


def test_what_diverges_keeps_its_image() -> None:
    problem, _, _, y = images(3)
    y[0] = 1e200  # of which the search finds nothing, so that the solver is not asked
    found, others = polished_by(Ends(Status.DIVERGED, Status.CONVERGED), y, problem)
    assert found.status == (Status.DIVERGED, Status.DIVERGED, Status.MAX_ITER)
    assert others == [False, False, True]
