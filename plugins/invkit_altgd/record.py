"""What a solve leaves behind: progress for the monitors, the history, the solution.

recorder = Recorder(monitors, steps, chunks, problem, starts_h, starts_m)
run.go(recorder.next_chunk(run))
solution = recorder.solution(slack, seconds)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Evaluation, Problem
from invkit.contracts.solution import Restarts, Solution
from invkit_altgd.descent import Batch, Told
from invkit_altgd.restarts import ChunkRun
from invkit_altgd.ridge import ridge_inverse

#: points of the history of a chunk
POINTS = 100


class Recorder:
    """Collects histories and passes progress on; chunks count as consecutive steps of one solve."""

    def __init__(
        self,
        monitors: Sequence[Monitor],
        steps: int,
        chunks: int,
        problem: Problem,
        starts_h: Tensor,
        starts_m: Tensor,
    ) -> None:
        self.monitors, self.steps, self.all_steps = monitors, steps, steps * chunks
        self.problem, self.starts = problem, (starts_h, starts_m)
        self.measurements, self.restarts = starts_h.shape[:2]
        self.every = max(1, steps // POINTS)
        self.runs: list[ChunkRun] = []
        self.points: list[tuple[int, Tensor, Tensor]] = []
        for monitor in monitors:
            monitor.on_start(self.all_steps, self.measurements, self.restarts)

    @property
    def interrupted(self) -> bool:
        """Whether a keyboard interrupt ended a chunk: those that follow keep their starts."""
        return any(run.interrupted for run in self.runs)

    def next_chunk(self, run: ChunkRun) -> Told:
        """What the run of the chunk that follows the last tells."""
        before = len(self.runs) * self.steps
        first = sum(each.measurements for each in self.runs)
        self.runs.append(run)

        def told(step: int, batch: Batch, state: Evaluation) -> None:
            place = batch.number + first * self.restarts
            if step % self.every == 0 or step == self.steps - 1:
                self.points.append((step, place, torch.where(batch.alive, state.total, torch.nan)))
            done = before + step + 1
            due = [each for each in self.monitors if done % each.every == 0 or done == self.all_steps]
            if due:
                progress = self._progress(done, place, batch, state)
                for monitor in due:
                    monitor.on_step(progress)

        return told

    def _progress(self, done: int, place: Tensor, batch: Batch, state: Evaluation) -> Progress:
        tables = []
        for values in (state.total, state.residual):
            table = values.new_full((self.measurements * self.restarts,), torch.nan)
            table[place] = torch.where(batch.alive, values, torch.nan)
            tables.append(table.reshape(self.measurements, self.restarts))
        return Progress(done, self.all_steps, tables[0], tables[1], best=self._best)

    def _best(self) -> tuple[Tensor, Tensor]:
        """The best (w, x) so far; of measurements whose chunk has not begun, the first start's."""
        begun = sum(run.measurements for run in self.runs)
        pairs = [run.best()[2:] for run in self.runs]
        with torch.no_grad():
            waiting = [
                prior(start[begun:, 0]) for prior, start in zip(self.problem.priors, self.starts, strict=True)
            ]
        return torch.cat([*(w for w, _ in pairs), waiting[0]]), torch.cat(
            [*(x for _, x in pairs), waiting[1]]
        )

    def solution(self, slack: float, seconds: float) -> Solution:
        """The solution of all measurements from the runs of all chunks."""
        runs = self.runs
        winners = [winner for run in runs for winner in run.winners()]
        status = [
            run.status[i : i + self.restarts]
            for run in runs
            for i in range(0, len(run.status), self.restarts)
        ]
        parts = [_finished(run, slack) for run in runs]
        h, m, w, x, residual = (torch.cat([part[i] for part in parts]) for i in range(5))
        return Solution(
            x=x,
            w=w,
            latents=(h, m),
            residual=residual,
            status=tuple(row[winner] for row, winner in zip(status, winners, strict=True)),
            restarts=Restarts(
                objective=self._table([run.objective for run in runs]),
                residual=self._table([run.residual for run in runs]),
                status=tuple(tuple(row) for row in status),
                winner=tuple(winners),
            ),
            history=self._history(),
            history_steps=self._history_steps(),
            seconds=seconds,
        )

    def _table(self, flat: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(flat)).reshape(self.measurements, self.restarts)

    def _history_steps(self) -> tuple[int, ...]:
        return tuple(sorted({step for step, _, _ in self.points}))

    def _history(self) -> Tensor:
        """(measurements, restarts, recorded steps); NaN where a restart was not followed, or diverged."""
        column = {step: i for i, step in enumerate(self._history_steps())}
        empty = self.runs[0].objective.new_full((self.measurements * self.restarts, len(column)), torch.nan)
        for step, place, total in self.points:
            empty[place, column[step]] = total
        return empty.reshape(self.measurements, self.restarts, len(column))


def _finished(run: ChunkRun, slack: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(h, m, w, x, residual of the pair (w, x)) of a run's winners, with the image slack taken up."""
    h, m, w, x = run.best()
    if slack > 0 and m.numel() > 0:
        misfit = run.y - run.problem.operator(w, x)
        given = run.problem.operator.given(w=w, x_shape=tuple(x.shape[1:]))
        moved = x + ridge_inverse(given, misfit, slack)
        bounds = run.problem.priors[1].bounds
        moved = moved.clamp(*bounds) if bounds else moved
        finite = torch.isfinite(moved).flatten(1).all(1).reshape(-1, *[1] * (x.ndim - 1))
        x = torch.where(finite, moved, x)
    with torch.no_grad():
        return h, m, w, x, run.problem.operator.misfit(run.y)(w, x)
