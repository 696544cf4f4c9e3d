"""What a solve leaves behind: progress for the monitors, the history, the solution.

    recorder = Recorder(monitors, steps, chunks, measurements, restarts)
    run.go(recorder.of_chunk(0, 0, run))
    solution = recorder.solution([run], slack, seconds)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Evaluation
from invkit.contracts.solution import Restarts, Solution, Status
from torch import Tensor

from invkit_altgd.descent import Batch
from invkit_altgd.restarts import ChunkRun
from invkit_altgd.ridge import ridge_inverse

#: hears of every step: its number, the candidates after it, the objective where it began
Told = Callable[[int, Batch, Evaluation], None]

#: points of the history of a chunk
POINTS = 100


class Recorder:
    """Collects histories and passes progress on; chunks count as consecutive steps of one solve."""

    def __init__(self, monitors: Sequence[Monitor], steps: int, chunks: int, measurements: int, restarts: int) -> None:
        self.monitors, self.steps, self.chunks = monitors, steps, chunks
        self.measurements, self.restarts = measurements, restarts
        self.every = max(1, steps // POINTS)
        self.points: dict[int, list[tuple[int, Tensor, Tensor]]] = {}
        for monitor in monitors:
            monitor.on_start(steps * chunks, measurements, restarts)

    def of_chunk(self, number: int, first: int, run: ChunkRun) -> Told:
        """What the run of a chunk tells; ``first`` is its first measurement."""
        points = self.points.setdefault(first, [])

        def told(step: int, batch: Batch, state: Evaluation) -> None:
            if step % self.every == 0 or step == self.steps - 1:
                points.append((step, batch.number + first * self.restarts, state.total))
            done = number * self.steps + step + 1
            due = [each for each in self.monitors if done % each.every == 0 or done == self.steps * self.chunks]
            if due:
                progress = self._progress(done, first, run, batch, state)
                for monitor in due:
                    monitor.on_step(progress)

        return told

    def _progress(self, done: int, first: int, run: ChunkRun, batch: Batch, state: Evaluation) -> Progress:
        place = batch.number + first * self.restarts
        tables = []
        for values in (state.total, state.residual):
            table = values.new_full((self.measurements * self.restarts,), torch.nan)
            table[place] = torch.where(batch.alive, values, torch.nan)
            tables.append(table.reshape(self.measurements, self.restarts))
        return Progress(done, self.steps * self.chunks, tables[0], tables[1], best=lambda: run.best()[2:])

    def solution(self, runs: Sequence[ChunkRun], slack: float, seconds: float) -> Solution:
        """The solution of all measurements from the runs of all chunks."""
        winners = [winner for run in runs for winner in run.winners()]
        status = [run.status[i : i + self.restarts] for run in runs for i in range(0, len(run.status), self.restarts)]
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
            history=self._history(runs),
            history_steps=tuple(sorted({step for points in self.points.values() for step, _, _ in points})),
            seconds=seconds,
        )

    def _table(self, flat: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(flat)).reshape(self.measurements, self.restarts)

    def _history(self, runs: Sequence[ChunkRun]) -> Tensor:
        """(measurements, restarts, recorded steps); NaN where a restart was not followed."""
        steps = sorted({step for points in self.points.values() for step, _, _ in points})
        column = {step: i for i, step in enumerate(steps)}
        history = runs[0].objective.new_full((self.measurements * self.restarts, len(steps)), torch.nan)
        for points in self.points.values():
            for step, place, total in points:
                history[place, column[step]] = total
        return history.reshape(self.measurements, self.restarts, len(steps))


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


__all__ = ["Recorder", "Status", "Told"]
