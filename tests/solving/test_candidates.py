"""Candidates: each is followed alone, and one that is lost is lost alone."""

from __future__ import annotations

import torch
from torch import Tensor

from invkit import Status
from invkit.solving import Adam, Candidates
from tests.solving.problems import planes


def made(n: int = 3, restarts: int = 4) -> Candidates:
    problem, y = planes(n)
    rng = torch.Generator().manual_seed(1)
    h, m = (
        torch.randn(n, restarts, k, generator=rng, dtype=torch.float64) for k in (2, 3)
    )
    return Candidates(problem, y, h, m)


def rows(c: Candidates, values: Tensor) -> Tensor:
    return values.reshape(c.measurements, -1)


def test_the_objective_is_each_ones_own() -> None:
    c, (problem, y) = made(), planes()
    state = c.evaluate()
    for place in (0, 5, 11):
        one = slice(place, place + 1)
        alone = problem.measured(y[place // 4][None])(c.h[one], c.m[one])
        torch.testing.assert_close(state.total[one], alone.total)
    torch.testing.assert_close(c.w, problem.priors[0](c.h))
    torch.testing.assert_close(c.x, state.x)
    c.factor = 100.0
    heavier = c.evaluate()
    torch.testing.assert_close(heavier.residual, state.residual)
    torch.testing.assert_close(heavier.total - heavier.residual, 100 * (state.total - state.residual))


def test_one_that_is_not_finite_goes_back_and_drops_out_alone() -> None:
    c = made()
    c.gradients()
    before, h = c.h.clone(), c.h - 1
    h[5] = torch.inf
    c.move(h)
    gradient_h, gradient_m = c.gradients()
    assert c.alive.tolist() == [place != 5 for place in range(12)]
    assert (gradient_h[5] == 0).all() and (gradient_m[5] == 0).all() and (gradient_h[4] != 0).any()
    c.move(c.h - 0.1 * gradient_h)
    assert torch.equal(c.h[5], before[5]) and not torch.equal(c.h[4], h[4])
    c.settle(Status.MAX_ITER)
    assert torch.isfinite(c.h).all()
    objective, residual, status = c.ends()
    assert status[1] == [Status.MAX_ITER, Status.DIVERGED, Status.MAX_ITER, Status.MAX_ITER]
    assert objective[1, 1].isnan() and residual.isnan().sum() == 1


def test_the_best_are_kept_with_their_memory() -> None:
    c = made()
    total, number = rows(c, c.evaluate().total), torch.arange(12)
    c.memory = {"own": c.h.clone(), "adam": Adam(c.m), "none": None}
    c.memory["adam"].first = c.m.clone()
    c.keep(2)
    chosen = (total.argsort(1)[:, :2] + 4 * torch.arange(3)[:, None]).flatten()
    assert torch.equal(c.number, number[chosen])
    assert torch.equal(c.memory["own"], c.h) and torch.equal(c.memory["adam"].first, c.m)
    tables = c.tables(c.evaluate())
    assert (~tables[0].isnan()).sum(1).tolist() == [2, 2, 2]
    c.keep(3)  # more than there are
    assert len(c.number) == 6
    c.settle(Status.MAX_ITER)
    objective, _, status = c.ends()
    torch.testing.assert_close(objective, total)  # of those dropped, where they were last followed
    assert sum(each == Status.DROPPED for row in status for each in row) == 6


def test_the_first_that_explains_its_measurement_wins_and_the_others_are_dropped() -> None:
    """Their residuals differ by rounding alone: which is the least is chance, which is the first is not."""
    c = made()
    worst = rows(c, c.evaluate().residual)[1].argsort(descending=True)[:2].sort().values
    solved = torch.zeros(12, dtype=torch.bool)
    solved[4 + worst] = True
    c.finish(solved, solved=solved)
    c.settle(Status.MAX_ITER)
    c.best()
    assert c.winners()[1] == worst[0]
    status = c.ends()[2]
    assert status[1].count(Status.DROPPED) == 3 and status[1][int(worst[0])] is Status.CONVERGED
    assert {*status[0], *status[2]} == {Status.MAX_ITER}


def test_the_winner_has_the_least_data_term_and_lost_ones_never_win() -> None:
    c = made()
    residual = rows(c, c.evaluate().residual)
    h, m, w, x = c.best()
    assert c.winners().tolist() == residual.argmin(1).tolist()
    signals = [prior(latent) for prior, latent in zip(c.problem.priors, (h, m), strict=True)]
    torch.testing.assert_close([w, x], signals)
    lost = residual.argmin(1) + 4 * torch.arange(3)
    c.alive[lost] = False
    c.best()
    assert (c.winners() != residual.argmin(1)).all()
