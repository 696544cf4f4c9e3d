"""All restarts of a chunk of measurements, from start to winner, by successive halving.

run = ChunkRun(problem, y, starts_h, starts_m, "encoder", plan)
run.go(told)
run.winner, run.residual            # per measurement; (measurements, restarts)
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from torch import Tensor

from invkit.contracts.problem import Evaluation, Problem
from invkit.contracts.solution import Status
from invkit_altgd.descent import Batch, Hold, Order, Schedule, Told, UpdateName, descend
from invkit_altgd.starts import improve


@attrs.frozen
class Plan:
    """How candidates move, and how many are followed for how long."""

    schedule: Schedule
    #: (candidates per measurement, steps) of every stage
    stages: Sequence[tuple[int, int]]
    update: UpdateName
    normalise: bool
    order: Order
    hold: Hold = "nothing"


class ChunkRun:
    """The restarts of some measurements. Candidates are numbered measurement by measurement."""

    def __init__(
        self,
        problem: Problem,
        y: Tensor,
        h: Tensor,
        m: Tensor,
        start: str,
        plan: Plan,
    ) -> None:
        self.problem, self.y, self.plan = problem, y, plan
        self.measurements, self.restarts = h.shape[:2]
        self.start = start
        self.batch = self._batch(h.flatten(0, 1), m.flatten(0, 1))
        candidates = self.measurements * self.restarts
        self.objective = torch.full((candidates,), torch.nan, dtype=y.dtype, device=y.device)
        self.residual = self.objective.clone()
        self.status = [Status.DROPPED] * candidates
        self.interrupted = False

    def go(self, told: Told, *, interrupted: bool = False) -> None:
        """Run every stage. A keyboard interrupt ends the run early, and what was reached counts."""
        self.interrupted = interrupted
        done = 0
        try:
            if not interrupted:
                h, m = self.batch.h, self.batch.m
                self.batch = self._batch(h, improve(self.start, self.problem, self._every_y(), h, m))
                for count, steps in self.plan.stages:
                    self._keep_best(count, self.plan.schedule.heaviness_at(done))
                    plan = self.plan
                    descend(self.batch, plan.schedule, done, done + steps, plan.order, told, plan.hold)
                    done += steps
        except KeyboardInterrupt:
            self.interrupted = True
        self._finish()

    def best(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(h, m, w, x) of the candidate of least residual, per measurement, as it stands now."""
        state = self.batch.evaluate()
        chosen = self._best_first(state.residual)[:, 0]
        return self.batch.h[chosen], self.batch.m[chosen], state.w[chosen], state.x[chosen]

    def winners(self) -> list[int]:
        """The restart that :meth:`best` is of, per measurement."""
        chosen = self._best_first(self.batch.evaluate().residual)[:, 0]
        return [number % self.restarts for number in self.batch.number[chosen].tolist()]

    def _every_y(self) -> Tensor:
        """The measurement of every candidate; not kept, since there may be many chunks."""
        return self.y.repeat_interleave(self.restarts, dim=0)

    def _batch(self, h: Tensor, m: Tensor) -> Batch:
        number = torch.arange(h.shape[0], device=h.device)
        every = (
            each.repeat_interleave(self.restarts) if isinstance(each, Tensor) else each
            for each in self.problem.weights
        )
        objective = self.problem.weighted(*every).measured(self._every_y())
        return Batch(objective, h, m, number, self.plan.update, self.plan.normalise)

    def _best_first(self, values: Tensor) -> Tensor:
        """Places of the current candidates in ``batch``, (measurements, candidates), the smallest value
        first, those that diverged last.
        """
        finite = torch.isfinite(values)
        table = torch.where(finite, values, torch.inf).reshape(self.measurements, -1)
        lost = ~(finite & self.batch.alive).reshape(table.shape)
        order = table.argsort(dim=1, stable=True)
        order = order.gather(1, lost.gather(1, order).to(torch.int8).argsort(dim=1, stable=True))
        first = torch.arange(self.measurements, device=values.device)[:, None] * table.shape[1]
        return order + first

    def _keep_best(self, count: int, heaviness: float) -> None:
        if count * self.measurements == self.batch.h.shape[0]:
            return
        state = self.batch.evaluate(heaviness)
        self._note(state)
        for number in self.batch.number[~(self.batch.alive & torch.isfinite(state.total))].tolist():
            self.status[number] = Status.DIVERGED
        self.batch.select(self._best_first(state.total)[:, :count].flatten())

    def _note(self, state: Evaluation) -> None:
        """Write the candidates' objective and residual into the table of all restarts."""
        alive = self.batch.alive
        self.objective[self.batch.number] = torch.where(alive, state.total, torch.nan)
        self.residual[self.batch.number] = torch.where(alive, state.residual, torch.nan)

    def _finish(self) -> None:
        self._note(self.batch.settle())
        ended = Status.INTERRUPTED if self.interrupted else Status.MAX_ITER
        for number, alive in zip(self.batch.number.tolist(), self.batch.alive.tolist(), strict=True):
            self.status[number] = ended if alive else Status.DIVERGED
