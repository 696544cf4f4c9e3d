"""Measurements whose kernels are not sure are searched again, and only those."""

from __future__ import annotations

import pytest
import torch

from invkit import Problem, Status
from invkit.contracts.given import Given
from invkit.contracts.monitor import Monitor, Progress
from invkit_evidence import niches, rounds
from invkit_evidence.posterior import Parameters
from invkit_evidence.rounds import Rounds
from invkit_evidence.search import Finalists, Schedule
from tests.plugins.evidence.problems import SIZE, CtrlC, images, normal, parabola, solve

EVERY, NONE = 2.0, -1.0
"""Confidences below which all, and none, are searched again."""


def searched(found: object) -> list[bool]:
    """Which measurements have candidates of a second search."""
    return torch.isfinite(found.restarts.objective[:, 12:]).any(1).tolist()  # type: ignore[attr-defined]


def test_only_what_is_not_sure_is_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    once = solve(problem, y, finish=0)
    monkeypatch.setattr(rounds, "_SURE", EVERY)
    twice = solve(problem, y, retries=1, finish=0)
    assert once.restarts.objective.shape == (2, 12) and twice.restarts.objective.shape == (2, 24)
    assert searched(twice) == [True] * 2
    least = [each.restarts.objective.nan_to_num(nan=torch.inf).amin(1) for each in (once, twice)]
    assert (least[1] <= least[0]).all() and (least[1] < least[0]).any()
    monkeypatch.setattr(rounds, "_SURE", NONE)
    sure = solve(problem, y, retries=1, finish=0)
    assert searched(sure) == [False] * 2
    assert torch.equal(sure.x, once.x) and sure.restarts.winner == once.restarts.winner


@pytest.mark.parametrize(
    ("better", "doubted", "rounds_made"), [(-1.0, NONE, 4), (torch.inf, NONE, 2), (torch.inf, EVERY, 4)]
)
def test_it_goes_on_as_long_as_it_pays_or_is_doubted(
    better: float, doubted: float, rounds_made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at most so often as it may."""
    problem, _, _, y = images(1)
    for name, value in (("_SURE", EVERY), ("_BETTER", better), ("_DOUBTED", doubted)):
        monkeypatch.setattr(rounds, name, value)
    found = solve(problem, y, retries=3)
    made = torch.isfinite(found.restarts.objective.reshape(1, 4, 12)).any(2).sum(1)
    assert made.tolist() == [rounds_made]
    assert found.history_steps[-1] == 4 * 12


def test_a_measurement_alone_is_searched_as_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(3)
    once = solve(problem, y, doubt=0.95)
    least = float(once.confidence.median())
    monkeypatch.setattr(rounds, "_SURE", least)
    together = solve(problem, y, retries=1)
    assert searched(together) == (once.confidence < least).tolist()  # some are searched again
    first = solve(problem, y[:1], retries=1)
    assert searched(first) == searched(together)[:1]
    torch.testing.assert_close(first.x, together.x[:1], rtol=1e-8, atol=1e-8)


def test_a_single_schedule_is_searched_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(3)
    monkeypatch.setattr(rounds, "_SURE", EVERY)
    assert searched(solve(problem, y[:1], anneal=100, retries=1)) == [True]


def test_a_kernel_that_is_known_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, w, _, y = images(2)
    monkeypatch.setattr(rounds, "_SURE", EVERY)
    given = Problem(problem.operator, (Given(w[0]), problem.priors[1]))
    assert solve(given, y, retries=1).restarts.objective.shape == (2, 1)


@pytest.mark.parametrize("rank", [None, 2])
def test_what_a_search_ends_with_is_finished(rank: int | None) -> None:
    """The winner's objective falls, and no other candidate is touched."""
    problem, _, _, y = images(2)
    raw, ended = (solve(problem, y, rank=rank, finish=steps, doubt=0.95) for steps in (0, 6))
    assert raw.restarts.winner == ended.restarts.winner
    before, after = (each.restarts.objective for each in (raw, ended))
    winners = torch.tensor(raw.restarts.winner)[:, None]
    assert (after.gather(1, winners) < before.gather(1, winners)).all()
    others = torch.ones_like(before, dtype=torch.bool).scatter(1, winners, False)
    torch.testing.assert_close(after[others], before[others], equal_nan=True)
    torch.testing.assert_close(raw.confidence, ended.confidence)


def test_what_differs_and_is_nearly_as_good_is_finished_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """If all kernels count as different and all candidates as near the best, all objectives fall."""
    problem, _, _, y = images(2)
    monkeypatch.setattr(niches, "_ALIKE", 2.0)
    monkeypatch.setattr(rounds, "_CLOSE", torch.inf)
    raw, ended = (solve(problem, y, finish=steps) for steps in (0, 6))
    before, after = (each.restarts.objective for each in (raw, ended))
    finite = torch.isfinite(before)
    assert torch.equal(finite, torch.isfinite(after)) and (finite.sum(1) > 1).all()
    assert (after[finite] < before[finite]).all()
    assert all(len(each.h) == 1 and float(each.nats) >= 0 for each in ended.rivals)


def test_a_candidate_is_finished_however_much_better_another_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pnp` counts by how much one is less probable than another, so all have to come as far as they can."""
    problem, _, _, y = images(2)
    monkeypatch.setattr(niches, "_ALIKE", 2.0)
    monkeypatch.setattr(rounds, "_CLOSE", torch.inf)
    finish, ended = Rounds.finished, []

    def finished(self: Rounds, found: Finalists) -> Finalists:
        best = found.winners()
        lower = found.replaced(best, found.candidates.select(best), found.value[best] - 1e4)
        ended.extend(finish(self, each) for each in (found, lower))
        ended.append(found)
        return ended[0]

    monkeypatch.setattr(Rounds, "finished", finished)
    solve(problem, y, finish=6)
    usual, beside, before = ended
    others = torch.ones_like(before.row, dtype=torch.bool).index_fill(0, before.winners(), False)
    assert others.any() and (usual.value < before.value)[others].all()
    torch.testing.assert_close(beside.value[others], usual.value[others])


def test_what_one_search_alone_has_found_is_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_SURE", NONE)
    assert searched(solve(problem, y, retries=1)) == [False] * 2
    monkeypatch.setattr(niches, "_ALIKE", 2.0)  # as if every search had ended at another kernel
    assert searched(solve(problem, y, retries=1)) == [True] * 2


def test_half_of_the_further_starts_are_variations_of_the_winner() -> None:
    plan = Schedule((4,), 0, 0.1, (3.0, 1.0))
    objective = parabola(normal(2, SIZE, seed=1))
    winners = Parameters(normal(2, 1, SIZE, seed=2), torch.zeros(2, 0), torch.zeros(2, 0))
    starts = Rounds(torch.zeros(2, 1), [objective], objective, objective, plan, 0, 400, 0, 5)._starts(
        winners, retry=1
    )
    shared = (starts.h.reshape(2, 400, SIZE) == winners.h).double().mean(2)
    varied = torch.arange(400) // 2 % 2 == 1
    assert (shared[:, ~varied] == 0).all()
    assert 0.6 < float(shared[:, varied].mean()) < 0.8  # a tenth to a half is drawn anew
    assert not torch.equal(starts.h[:400], starts.h[400:])


@pytest.mark.parametrize("step", [3, 15])
def test_ctrl_c_in_either_search_gives_the_best_so_far(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_SURE", EVERY)
    found = solve(problem, y, CtrlC(step), retries=1)
    assert found.status == (Status.INTERRUPTED,) * 2 and torch.isfinite(found.x).all()
    assert searched(found) == [step > 12] * 2


def test_monitors_see_the_best_of_both_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_SURE", EVERY)
    seen = []

    class Watch(Monitor):
        def on_step(self, progress: Progress) -> None:
            w, x = progress.best()
            seen.append((progress.step, progress.steps, w, x))

    found = solve(problem, y, Watch(), retries=1, finish=0)
    assert [step for step, *_ in seen] == [*range(1, 25)] and {steps for _, steps, *_ in seen} == {24}
    once = solve(problem, y, finish=0)
    # The second search begins behind the first, of some measurement at least.
    assert any(torch.allclose(shown, first) for shown, first in zip(seen[12][3], once.x, strict=True))
    assert found.history_steps[-1] == 24


@pytest.mark.parametrize("retries", [0, 1])
def test_monitors_see_what_was_found_of_earlier_chunks(retries: int) -> None:
    problem, _, _, y = images(2)
    seen: list[torch.Tensor] = []

    class Watch(Monitor):
        def on_step(self, progress: Progress) -> None:
            seen.append(progress.best()[1])

    found = solve(problem, y, Watch(), chunk=12, retries=retries)
    torch.testing.assert_close(seen[-1][0], found.x[0])


def test_monitors_are_told_once_a_chunk_where_no_step_is_taken() -> None:
    problem, _, _, y = images(3)
    seen: list[int] = []

    class Watch(Monitor):
        def on_step(self, progress: Progress) -> None:
            seen.append(progress.step)

    solve(problem, y, Watch(), steps=0, chunk=12)
    assert seen == [1, 2, 3]
