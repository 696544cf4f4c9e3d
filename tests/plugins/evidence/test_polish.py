"""Another solver's image for the kernel that was found."""

from __future__ import annotations

import attrs
import pytest
import torch

import invkit
from invkit import InvkitError, Problem, Status
from invkit.testing import check_solver
from invkit_classical.known import Known
from invkit_evidence.evidence import Evidence
from invkit_evidence.polish import Polish
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


def test_ctrl_c_keeps_the_images_that_were_not_reached() -> None:
    problem, _, _, y = images(3)
    plain = solve(problem, y)
    tv, calls = invkit.solver("tv?mu=0.02"), iter([True, False])

    class Impatient:
        def solve(self, *arguments: object) -> invkit.Solution:
            if not next(calls):
                raise KeyboardInterrupt
            return tv.solve(*arguments)  # type: ignore[arg-type]

    polish = Polish(Impatient(), invkit.prior("identity"))  # type: ignore[arg-type]
    found = polish(problem, y, attrs.evolve(plain), torch.Generator())
    assert found.status[1:] == (Status.INTERRUPTED,) * 2 and found.status[0] == plain.status[0]
    assert torch.equal(found.x[1:], plain.x[1:]) and not torch.equal(found.x[0], plain.x[0])
