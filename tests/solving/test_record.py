"""The record of a solve: what monitors are told, Ctrl-C, passes, the solution."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from invkit import InvkitWarning, Monitor, Progress, Solution, Status
from invkit.errors import InputError
from invkit.solving import Found, Record


class Told(Monitor):
    """Writes down what it is told; presses Ctrl-C at a step of its choice."""

    def __init__(self, every: int = 1, stop: int | None = None) -> None:
        self.every, self.stop = every, stop
        self.starts: list[tuple[int, int, int]] = []
        self.steps: list[Progress] = []
        self.best: list[tuple[Tensor | None, Tensor]] = []
        self.ends: list[Solution] = []

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.starts.append((steps, measurements, restarts))

    def on_step(self, progress: Progress) -> None:
        self.steps.append(progress)
        self.best.append(progress.best())
        if progress.step == self.stop:
            raise KeyboardInterrupt

    def on_end(self, solution: Solution) -> None:
        self.ends.append(solution)


Y = torch.arange(6.0).reshape(3, 1, 2)


def solve(*monitors: Monitor, steps: int = 6, points: int = 100) -> Solution:
    """x goes up by one at every step."""
    x, record = Y.clone(), Record(Y, monitors, steps=steps, points=points)
    with record:
        for step in range(1, steps + 1):
            x = x + 1
            if record.due(step):
                value = x.sum((1, 2))[:, None]
                record.tell(step, value, 2 * value, lambda: (None, x))  # noqa: B023
    record.settle(x[:, :, 0], x[:, :, 1], [[record.ended(row != 1)] for row in range(3)])
    record.end(Found(x=x))
    return record.solution()


def test_monitors_are_told_in_order_at_their_multiples_and_at_the_last_step() -> None:
    one, four = Told(), Told(every=4)
    solution = solve(one, four)
    assert one.starts == four.starts == [(6, 3, 1)]
    assert [each.step for each in one.steps] == [1, 2, 3, 4, 5, 6]
    assert [each.step for each in four.steps] == [4, 6]
    assert torch.equal(four.best[0][1], Y + 4) and four.best[0][0] is None
    assert one.ends == [solution] == four.ends
    assert torch.equal(four.steps[0].residual, 2 * (Y + 4).sum((1, 2))[:, None])


def test_a_solve_that_will_take_hours_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 100.0)
    monkeypatch.setattr("invkit.solving.record.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with pytest.warns(InvkitWarning, match=r"may take 3 h more, at 100 s a step, with 99 steps") as told:
        solve(steps=100)
    assert len(told) == 1


def test_a_first_step_that_sets_something_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 50.0, *range(51, 1000)])
    monkeypatch.setattr("invkit.solving.record.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert solve(steps=100).status  # warnings are errors
    times = iter([0.0, 50.0, *range(53, 10_000, 3)])
    monkeypatch.setattr("invkit.solving.record.time", SimpleNamespace(perf_counter=lambda: next(times)))
    with pytest.warns(InvkitWarning, match=r"may take 2 h more, at 3 s a step, with 1,997 steps"):
        solve(steps=2000)


def test_a_solve_that_would_take_years_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 1e5)
    monkeypatch.setattr("invkit.solving.record.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with pytest.raises(InputError, match=r"would take 3 years, .* take fewer restarts"):
        solve(steps=1000)


def test_the_history_has_the_points_asked_for() -> None:
    solution = solve(points=3)
    assert solution.history_steps == (2, 4, 6)
    expected = torch.stack([(Y + step).sum((1, 2)) for step in (2, 4, 6)], 1)
    assert torch.equal(solution.history, expected[:, None])
    assert torch.equal(solve(Told(every=5), points=3).history, solution.history)


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_ctrl_c_ends_the_steps_and_nothing_else(stop: int) -> None:
    told = Told(stop=stop)
    solution = solve(told)
    assert solution.status == (Status.INTERRUPTED, Status.DIVERGED, Status.INTERRUPTED)
    assert torch.equal(solution.x, Y + stop) and told.ends == [solution]


def test_other_exceptions_come_through() -> None:
    with pytest.raises(ZeroDivisionError), Record(Y, [], steps=1):
        raise ZeroDivisionError


def test_what_has_ended_is_in_the_table() -> None:
    solution = solve()
    assert torch.equal(solution.restarts.objective, (Y + 6)[:, :, 0])
    assert solution.restarts.status == tuple((each,) for each in solution.status)
    assert solution.status == (Status.MAX_ITER, Status.DIVERGED, Status.MAX_ITER)
    assert solution.w is None and solution.residual.isnan().all() and solution.seconds >= 0


def passes(order: list[list[int]], *monitors: Monitor, stop: int | None = None) -> Solution:
    """The measurements in parts: two steps of a pass, x = 10·step."""
    record = Record(
        Y, monitors, steps=2, restarts=2, passes=len(order), waiting=lambda: (-Y, torch.zeros_like(Y))
    )
    for rows in map(torch.tensor, order):
        record.begin(rows)
        x = torch.zeros_like(Y[rows])
        value = rows[:, None].expand(-1, 2).float()
        with record:
            for step in (1, 2) if not record.interrupted else ():
                x = x + 10
                record.tell(step, value, -value, lambda: (Y[rows], x))  # noqa: B023
        record.settle(value, -value, [[Status.DROPPED, record.ended()]] * len(rows))
        more = {"notes": [{"row": row} for row in rows.tolist()], "x_kernel": 2 * x if 0 in rows else None}
        record.end(Found(x=x, w=Y[rows], residual=value[:, 0], winner=[1] * len(rows), **more))
    return record.solution()


@pytest.mark.parametrize("order", [[[0, 1, 2]], [[0], [1], [2]], [[2, 0], [1]], [[1], [2, 0]]])
def test_passes_in_any_order_give_the_measurements_in_theirs(order: list[list[int]]) -> None:
    told = Told()
    solution = passes(order, told)
    assert torch.equal(solution.w, Y) and torch.equal(solution.residual, torch.arange(3.0))
    assert torch.equal(solution.restarts.objective, torch.arange(3.0)[:, None].expand(3, 2))
    assert solution.restarts.winner == (1, 1, 1) and solution.status == (Status.MAX_ITER,) * 3
    assert [each.step for each in told.steps] == list(range(1, 2 * len(order) + 1))
    assert {each.steps for each in told.steps} == {2 * len(order)}
    assert solution.notes == ({"row": 0}, {"row": 1}, {"row": 2})
    softened = [number for number, row in enumerate(solution.x_kernel) if (row != solution.x[number]).any()]
    assert softened == next(sorted(rows) for rows in order if 0 in rows)
    assert not solution.history.isnan().any() and solution.history_steps == (1, 2)


def test_the_best_is_of_all_measurements_those_that_wait_included() -> None:
    told = Told()
    passes([[1], [2, 0]], told)
    w, x = told.best[0]
    assert x[:, 0, 0].tolist() == [0, 10, 0] and torch.equal(w[1], Y[1]) and torch.equal(w[0], -Y[0])
    w, x = told.best[-1]
    assert x[:, 0, 0].tolist() == [20, 20, 20] and torch.equal(w, Y)
    assert told.steps[0].objective[0].isnan().all()  # not begun yet
    assert told.best[0][1][1, 0, 0] == 10  # what was given is not changed later


def test_ctrl_c_in_a_pass_leaves_the_next_ones_out() -> None:
    solution = passes([[0], [1], [2]], Told(stop=3))
    assert solution.x[:, 0, 0].tolist() == [20, 10, 0]
    assert solution.status == (Status.MAX_ITER, Status.INTERRUPTED, Status.INTERRUPTED)
