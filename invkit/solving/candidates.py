"""Candidates: the restarts of some measurements under way, each a pair of latents.

    c = Candidates(problem, y, h, m)            # h: (measurements, restarts, *latent)
    gradient_h, gradient_m = c.gradients()
    c.move(c.h - 0.1 * gradient_h, c.m - 0.1 * gradient_m)
    c.keep(4)                                   # the best four of each measurement
    h, m, w, x = c.best()

A candidate whose objective or gradient stops being finite keeps its last finite latents and drops out alone.
Nothing here waits for the device.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Inexact, Int
from torch import Tensor

from invkit.contracts.problem import Evaluation, Objective, Problem
from invkit.contracts.solution import Status

__all__ = ["Candidates"]


class Candidates:
    """The restarts of some measurements, solved together in one batch.

    Args:
        problem: tied to shapes, one row a measurement.
        y: the measurements.
        h, m: the latents of every restart of every measurement.
    """

    def __init__(
        self,
        problem: Problem,
        y: Inexact[Tensor, "k *y"],
        h: Inexact[Tensor, "k r *h"],
        m: Inexact[Tensor, "k r *m"],
    ) -> None:
        self.measurements, self.restarts = h.shape[:2]
        owner = torch.arange(len(y), device=y.device).repeat_interleave(self.restarts)
        self._objective = problem.select(owner).measured(y[owner])
        #: the latents; assign them by :meth:`move`
        self.h, self.m = h.flatten(0, 1), m.flatten(0, 1)
        #: the start that each candidate comes from, counted measurement by measurement
        self.number: Int[Tensor, "n"] = torch.arange(len(owner), device=y.device)
        #: candidates that have not diverged
        self.alive: Bool[Tensor, "n"] = torch.ones_like(self.number, dtype=torch.bool)
        #: candidates whose search is over; None for a solver that follows all of them to the last step. Those
        #: that have not diverged end as ``converged``
        self.done: Bool[Tensor, "n"] | None = None
        #: candidates given up because others of their measurement did better; they are ``done``, too
        self.dropped: Bool[Tensor, "n"] = torch.zeros_like(self.alive)
        #: what multiplies the weights of both penalties now
        self.factor = 1.0
        #: the last evaluation of the objective
        self.state: Evaluation | None = None
        self._settled: Evaluation | None = None
        #: a solver's own notes: tensors with a row for each candidate, and objects with a ``select``
        self.memory: dict[str, Any] = {}
        self._finite, self._chosen = (self.h, self.m), self.number[:: self.restarts]
        empty = y.real.new_full((len(owner),), torch.nan)
        self._tables = (empty, empty.clone())
        self.status = [Status.DROPPED] * len(owner)

    @property
    def objective(self) -> Objective:
        """The objective of every candidate, the penalties multiplied by ``factor``."""
        return self._objective if self.factor == 1 else self._objective.scaled(self.factor)

    @property
    def problem(self) -> Problem:
        """The problem, one row a candidate."""
        return self._objective.problem

    @property
    def y(self) -> Inexact[Tensor, "n *y"]:
        """The measurement of every candidate."""
        return self._objective.y

    @property
    def w(self) -> Tensor:
        """The first signal of every candidate."""
        return self._signals()[0]

    @property
    def x(self) -> Tensor:
        """The second signal of every candidate."""
        return self._signals()[1]

    def evaluate(self) -> Evaluation:
        """The objective at the current latents; candidates where it is not finite drop out."""
        with torch.no_grad():
            return self._noted(self.objective(self.h, self.m))

    def gradients(self, wrt: Literal["both", "w", "x"] = "both") -> tuple[Tensor, Tensor]:
        """The gradients in both latents, zero for candidates that have diverged; ``state`` is set."""
        state, gradient_h, gradient_m = self.objective.gradients(self.h, self.m, wrt)
        self._noted(state)
        summed = gradient_h.flatten(1).sum(1) + gradient_m.flatten(1).sum(1)
        self.alive = self.alive & torch.isfinite(summed)
        return (
            torch.where(_each(self.alive, gradient_h), gradient_h, 0.0),
            torch.where(_each(self.alive, gradient_m), gradient_m, 0.0),
        )

    def move(self, h: Tensor | None = None, m: Tensor | None = None) -> None:
        """Give the candidates other latents; those that have diverged stay at their last finite ones."""
        if h is not None:
            self.h = torch.where(_each(self.alive, h), h, self._finite[0])
        if m is not None:
            self.m = torch.where(_each(self.alive, m), m, self._finite[1])

    def keep(self, count: int) -> None:
        """Go on with the best ``count`` candidates of every measurement, by the objective."""
        if count * self.measurements >= len(self.number):
            return
        state = self.evaluate()
        self._write(state)
        lost = ~(self.alive & torch.isfinite(state.total))
        for number in self.number[lost].tolist():
            self.status[number] = Status.DIVERGED
        self._select(self._best_first(state.total)[:, :count].flatten())

    def finish(self, rows: Bool[Tensor, "n"], *, solved: Bool[Tensor, "n"] | None = None) -> None:
        """The search of some candidates is over.

        Args:
            rows: candidates at a minimum.
            solved: candidates that explain their measurement to rounding; the first of them stays, all others
                of that measurement that still searched are given up.
        """
        done = torch.zeros_like(self.alive) if self.done is None else self.done
        self.done = done | rows | ~self.alive
        if solved is not None:
            of_measurement = solved.reshape(self.measurements, -1)
            over = of_measurement.any(1, keepdim=True).expand_as(of_measurement).flatten()
            first = (of_measurement & (of_measurement.cumsum(1) == 1)).flatten()
            self.done = self.done | over
            self.dropped = self.dropped | (over & ~first & ~done & (solved | ~rows))

    @property
    def over(self) -> bool:
        """Whether no candidate is searching any more; waits for the device where candidates can finish."""
        return self.done is not None and bool(self.done.all())

    def settle(self, ended: Status) -> None:
        """The search is over: candidates that are not finite go back to where they last were.

        Args:
            ended: how those end that the solver has neither finished nor given up.
        """
        self.factor = 1.0
        state = self.evaluate()
        self.h, self.m = self._finite
        if not bool(self.alive.all()):
            state = self.evaluate()
        self._settled = state
        self._write(state)
        done = self.done
        if done is None or ended is Status.INTERRUPTED:
            done = torch.zeros_like(self.alive)
        rows = zip(*(each.tolist() for each in (self.number, self.alive, self.dropped, done)), strict=True)
        for number, alive, dropped, converged in rows:
            sound = Status.DROPPED if dropped else Status.CONVERGED if converged else ended
            self.status[number] = sound if alive else Status.DIVERGED

    def best(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(h, m, w, x) of the candidate of least data term, per measurement, as it stands now."""
        state = self._settled
        if state is None:
            with torch.no_grad():
                state = self._objective(self.h, self.m)
        chosen = self._chosen = self._best_first(state.residual)[:, 0]
        return self.h[chosen], self.m[chosen], state.w[chosen], state.x[chosen]

    def winners(self) -> Int[Tensor, "k"]:
        """The restart that :meth:`best` took last, per measurement."""
        return self.number[self._chosen] % self.restarts

    def tables(self, state: Evaluation) -> tuple[Tensor, Tensor]:
        """Objective and data term as (measurements, restarts); NaN for those dropped or diverged."""
        made = []
        for values in (state.total, state.residual):
            table = values.new_full((self.measurements * self.restarts,), torch.nan)
            table[self.number] = torch.where(self.alive & ~self.dropped, values, torch.nan)
            made.append(table.reshape(self.measurements, self.restarts))
        return made[0], made[1]

    def ends(self) -> tuple[Tensor, Tensor, list[list[Status]]]:
        """Objective, data term and status of every restart, where each was last followed."""
        shape = (self.measurements, self.restarts)
        rows = [self.status[i : i + self.restarts] for i in range(0, len(self.status), self.restarts)]
        return self._tables[0].reshape(shape), self._tables[1].reshape(shape), rows

    def _signals(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return self.problem.signals(self.h, self.m)

    def _noted(self, state: Evaluation) -> Evaluation:
        """Remember latents of a finite objective; a candidate whose objective is not finite drops out."""
        good = torch.isfinite(state.total)
        self.alive = self.alive & good
        self._finite = (
            torch.where(_each(good, self.h), self.h, self._finite[0]),
            torch.where(_each(good, self.m), self.m, self._finite[1]),
        )
        self.state = state
        return state

    def _write(self, state: Evaluation) -> None:
        for table, values in zip(self._tables, (state.total, state.residual), strict=True):
            table[self.number] = torch.where(self.alive, values, torch.nan)

    def _best_first(self, values: Tensor) -> Tensor:
        """Places of the current candidates, (measurements, candidates): the smallest value first, those that
        diverged or were given up last.
        """
        finite = torch.isfinite(values)
        table = torch.where(finite, values, torch.inf).reshape(self.measurements, -1)
        lost = ~(finite & self.alive & ~self.dropped).reshape(table.shape)
        order = table.argsort(dim=1, stable=True)
        order = order.gather(1, lost.gather(1, order).to(torch.int8).argsort(dim=1, stable=True))
        return order + torch.arange(self.measurements, device=values.device)[:, None] * table.shape[1]

    def _select(self, keep: Int[Tensor, "k"]) -> None:
        self._objective = self._objective.select(keep)
        self._finite = (self._finite[0][keep], self._finite[1][keep])
        self.h, self.m = self.h[keep], self.m[keep]
        self.number, self.alive, self.state = self.number[keep], self.alive[keep], None
        self.dropped, self.done = self.dropped[keep], None if self.done is None else self.done[keep]
        for name, held in self.memory.items():
            if isinstance(held, Tensor):
                self.memory[name] = held[keep]
            elif held is not None:
                held.select(keep)


def _each(mask: Bool[Tensor, "n"], values: Tensor) -> Tensor:
    """One truth value per candidate, shaped to choose among rows."""
    return mask.reshape(-1, *[1] * (values.ndim - 1))
