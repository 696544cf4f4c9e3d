"""Successive halving: which candidates go on, and as if nobody else were there."""

from __future__ import annotations

import attrs
import pytest
import torch

from invkit.contracts.solution import Status
from tests.plugins.altgd.problems import PRINTED, Wrapped, altgd, measured, residual, solve, starts_of, tiny

HALVING = PRINTED | {"steps": 30, "restarts": 5, "anneal": 10}


def test_the_best_go_on_and_the_rest_are_dropped() -> None:
    problem = tiny()
    y = measured(problem, 3)
    found = solve(altgd(**HALVING | {"keep": (2, 1)}), problem, y)
    everyone = solve(altgd(**HALVING), problem, y)

    h, m = starts_of(problem, y, 5)
    start = residual(problem, y.repeat_interleave(5, 0), h.flatten(0, 1), m.flatten(0, 1)).reshape(3, 5)
    start = start + 10 * 0.1 * (h.square().sum(2) + m.square().sum(2))
    assert found.history_steps == tuple(range(1, 31))
    for row in range(3):
        first = set(start[row].argsort()[:2].tolist())
        followed = found.history[row].isfinite()
        assert {i for i in range(5) if followed[i, 0]} == first
        assert followed[:, :10].sum(0).tolist() == [2] * 10
        assert followed[:, 10:].sum(0).tolist() == [1] * 20
        # The one that goes on is the better of the two then, by the objective with the weights of then.
        winner = found.restarts.winner[row]
        assert winner == min(first, key=lambda i: everyone.history[row, i, 10].item())
        expected = [Status.DROPPED] * 5
        expected[winner] = Status.MAX_ITER
        assert list(found.restarts.status[row]) == expected
        # Its path is the one it takes among all restarts.
        torch.testing.assert_close(found.history[row, winner], everyone.history[row, winner])
        torch.testing.assert_close(found.residual[row], everyone.restarts.residual[row, winner])


@pytest.mark.parametrize("update", ["gradient", "adam"])
@pytest.mark.parametrize("keep", [(50,), (5, 5)])
def test_keeping_all_is_no_halving(keep: tuple[int, ...], update: str) -> None:
    problem = tiny()
    y = measured(problem, 2)
    found = solve(altgd(**HALVING | {"keep": keep, "update": update}), problem, y)
    everyone = solve(altgd(**HALVING | {"update": update}), problem, y)
    assert {status for row in found.restarts.status for status in row} == {Status.MAX_ITER}
    assert torch.equal(found.history, everyone.history)
    assert torch.equal(found.x, everyone.x)


def test_adams_memory_follows_its_candidates() -> None:
    """A candidate that survives two cuts, and so changes its place twice, ends where it ends uncut."""
    problem = tiny(encodes=True)
    y = measured(problem, 4)
    options = {"steps": 40, "restarts": 12, "start": "random"}
    found = solve(altgd(**options, keep=(6, 3, 1)), problem, y)
    everyone = solve(altgd(**options, keep=()), problem, y)
    assert set(found.restarts.winner) - {0}
    for row, winner in enumerate(found.restarts.winner):
        torch.testing.assert_close(found.residual[row], everyone.restarts.residual[row, winner])


def test_least_residual_wins_not_least_objective() -> None:
    problem = tiny()
    y = measured(problem, 8)
    solver = altgd(**PRINTED | {"steps": 5, "restarts": 6, "weight_w": 3, "weight_x": 3})
    table = solve(solver, problem, y).restarts
    assert table.winner == tuple(table.residual.argmin(1).tolist())
    assert table.winner != tuple(table.objective.argmin(1).tolist())


def test_a_restart_that_diverged_is_not_called_dropped() -> None:
    """With halving too the table tells a restart that was lost from one that others beat."""
    plain = tiny()
    y = measured(plain, 2)

    def pierced(latent: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
        return torch.where(
            (latent[:, 0] < -1.8).reshape(-1, 1, 1, 1), torch.full_like(signal, torch.nan), signal
        )

    problem = attrs.evolve(plain, priors=(plain.priors[0], Wrapped(plain.priors[1], pierced)))
    found = solve(altgd(**PRINTED | {"steps": 12, "restarts": 6, "keep": (3, 1)}), problem, y)
    _, m = starts_of(problem, y, 6)
    assert (m[:, :, 0] < -1.8).any()
    for row in range(2):
        for restart in range(6):
            lost = bool(m[row, restart, 0] < -1.8)
            assert (found.restarts.status[row][restart] == Status.DIVERGED) == lost
            assert lost <= bool(found.restarts.residual[row, restart].isnan())
