"""The record of a solve: progress for the monitors, history, Ctrl-C, the table of restarts, the solution.

    record = Record(y, monitors, steps=100)
    with record:                                            # Ctrl-C ends the block and nothing else
        for step in range(1, 101):
            ...
            if record.due(step):
                record.tell(step, objective, residual, lambda: (w, x))
    record.settle(objective, residual, [[record.ended()]] * len(y))
    record.end(Found(x=x, w=w, latents=(h, m), residual=residual[:, 0]))
    return record.solution()

A solver that works on some measurements at a time makes a *pass* for each part, with ``passes`` in all: it
names the part's ``rows`` and counts steps from 1 again. For the monitors the passes follow each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

import attrs
import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor

from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.solution import Restarts, Rivals, Samples, Solution, Status
from invkit.remarks import remark_on_hours

__all__ = ["Found", "Record"]

Signals = tuple[Tensor | None, Tensor]
#: seconds of a first step that is not short
_MINUTE = 60.0


@attrs.frozen(eq=False, kw_only=True)
class Found:
    """What a pass has found of its measurements.

    Args:
        x, w: the signals; ``w`` None from a solver that finds none.
        latents: (h, m) they were made from.
        residual: ``‖y − A(w, x)‖²``; None where there is no ``w``.
        winner: the restart that each comes from; by default the first.
        status: how each ended; by default as its winner did.
        noise, confidence, x_std, drawn, x_kernel, notes, rivals: as in
            :class:`~invkit.contracts.solution.Solution`.
    """

    x: Tensor
    w: Tensor | None = None
    latents: tuple[Tensor | None, Tensor | None] = (None, None)
    residual: Float[Tensor, "k"] | None = None
    winner: Sequence[int] | None = None
    status: Sequence[Status] | None = None
    noise: Tensor | None = None
    confidence: Tensor | None = None
    x_std: Tensor | None = None
    drawn: Samples | None = None
    x_kernel: Tensor | None = None
    notes: Sequence[Mapping[str, Any]] | None = None
    rivals: Sequence[Rivals] | None = None


class Record:
    """Everything about a solve but the search itself.

    A solve that will take hours warns once, after five seconds of steps.

    Args:
        y: the measurements.
        monitors: told of the start at once.
        steps: steps of a pass.
        restarts: columns of the table of restarts.
        passes: parts that the measurements are solved in, one after another.
        points: points of the history at most, about.
        criterion: the column by which the winner of the restarts is chosen.
        waiting: signals of all measurements that stand until a pass gives others.
    """

    def __init__(
        self,
        y: Inexact[Tensor, "n *y"],
        monitors: Sequence[Monitor],
        *,
        steps: int,
        restarts: int = 1,
        passes: int = 1,
        points: int = 100,
        criterion: Literal["residual", "objective"] = "residual",
        waiting: Callable[[], Signals] | None = None,
    ) -> None:
        self.monitors, self.steps, self.total = monitors, max(steps, 1), max(steps, 1) * passes
        self.objective = y.real.new_full((len(y), restarts), torch.nan)
        self.residual = self.objective.clone()
        self.status = [[Status.DROPPED] * restarts for _ in range(len(y))]
        #: whether Ctrl-C has ended the solve
        self.interrupted = False
        self._began, self._every, self._criterion = time.perf_counter(), max(1, steps // points), criterion
        self._all = self._rows = torch.arange(len(y), device=y.device)
        self._before, self._last, self._warned = 0, 0, False
        self._first: tuple[int, float] | None = None
        self._waiting = waiting
        self._signals: list[Tensor | None] | None = None
        self._points: dict[int, Tensor] = {}
        self._found: list[tuple[Tensor, Found]] = []
        for monitor in monitors:
            monitor.on_start(self.total, len(y), restarts)

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.interrupted |= kind is not None and issubclass(kind, KeyboardInterrupt)
        return kind is not None and issubclass(kind, KeyboardInterrupt)

    def begin(self, rows: Int[Tensor, "k"]) -> None:
        """A pass over the measurements ``rows`` begins."""
        self._before = len(self._found) * self.steps
        self._rows = rows

    def due(self, step: int) -> bool:
        """Whether step 1, 2, … of the pass is to be told: values may cost something to work out.

        Raises :class:`InputError` where the solve would take years (:func:`invkit.remarks.remark_on_hours`).
        """
        self._look_ahead(self._before + step)
        return self._recorded(step) or bool(self._listeners(step))

    def tell(
        self,
        step: int,
        objective: Float[Tensor, "k restarts"],
        residual: Float[Tensor, "k restarts"],
        best: Callable[[], Signals],
        stage: str = "descent",
    ) -> None:
        """Tell of a step; ``best`` gives the current ``(w, x)`` of the pass's measurements.

        A candidate that is not followed any more, or has diverged, has NaN.
        """
        self._last = self._before + step
        self.objective[self._rows], self.residual[self._rows] = objective, residual
        if self._recorded(step):
            table = self._points.setdefault(step, torch.full_like(self.objective, torch.nan))
            table[self._rows] = objective
        if listeners := self._listeners(step):
            progress = Progress(
                self._last,
                self.total,
                self.objective.clone(),
                self.residual.clone(),
                lambda: self._best(best),
                stage,
            )
            for monitor in listeners:
                monitor.on_step(progress)

    def settle(
        self,
        objective: Float[Tensor, "k restarts"],
        residual: Float[Tensor, "k restarts"],
        status: Sequence[Sequence[Status]],
    ) -> None:
        """How every restart of the pass's measurements has ended; NaN for those that diverged."""
        self.objective[self._rows], self.residual[self._rows] = objective, residual
        for row, each in zip(self._rows.tolist(), status, strict=True):
            self.status[row] = list(each)

    def end(self, found: Found) -> None:
        """The pass is over."""
        self._found.append((self._rows, found))
        if len(self._rows) < len(self._all):
            self._placed(self._standing(), (found.w, found.x))

    def ended(self, sound: bool = True) -> Status:
        """The status of a candidate that was followed to the end of a fixed number of steps."""
        if not sound:
            return Status.DIVERGED
        return Status.INTERRUPTED if self.interrupted else Status.MAX_ITER

    def solution(self) -> Solution:
        """The solution of all measurements; tells the monitors that the solve is over."""
        order = torch.cat([rows for rows, _ in self._found]).argsort()
        found = [each for _, each in self._found]

        def joined(values: Sequence[Any]) -> Any:
            return None if values[0] is None else torch.cat(list(values))[order]

        winner = self._in_order(order, [each.winner or [0] * len(each.x) for each in found])
        own = self._in_order(order, [each.status or [None] * len(each.x) for each in found])
        notes = self._in_order(order, [each.notes or [{}] * len(each.x) for each in found])
        rivals = self._in_order(order, [each.rivals or [None] * len(each.x) for each in found])
        softened = any(each.x_kernel is not None for each in found)
        residual = joined([each.residual for each in found])
        nothing = self.objective.new_full((len(order),), torch.nan)
        steps = sorted(self._points)
        solution = Solution(
            x=joined([each.x for each in found]),
            w=joined([each.w for each in found]),
            latents=(
                joined([each.latents[0] for each in found]),
                joined([each.latents[1] for each in found]),
            ),
            residual=nothing if residual is None else residual,
            status=tuple(each or row[best] for each, row, best in zip(own, self.status, winner, strict=True)),
            restarts=Restarts(
                self.objective,
                self.residual,
                tuple(tuple(row) for row in self.status),
                tuple(winner),
                self._criterion,
            ),
            history=torch.stack([self._points[step] for step in steps], 2)
            if steps
            else self.objective[:, :, None][:, :, :0],
            history_steps=tuple(steps),
            seconds=time.perf_counter() - self._began,
            x_std=joined([each.x_std for each in found]),
            drawn=_drawn([each.drawn for each in found], order),
            noise=joined([each.noise for each in found]),
            confidence=joined([each.confidence for each in found]),
            x_kernel=joined([each.x if each.x_kernel is None else each.x_kernel for each in found])
            if softened
            else None,
            notes=tuple(notes) if any(notes) else None,
            rivals=None if None in rivals else tuple(rivals),
        )
        for monitor in self.monitors:
            monitor.on_end(solution)
        return solution

    def _look_ahead(self, done: int) -> None:
        """How long the rest takes, by the steps since the first. That one may have set something up, so it
        counts only where it took a minute.
        """
        now = time.perf_counter()
        if self._first is None:
            self._first = (0, self._began) if now - self._began > _MINUTE else (done, now)
        first, began = self._first
        if done > first and not self._warned:
            self._warned = remark_on_hours(now - began, done - first, self.total - done)

    def _recorded(self, step: int) -> bool:
        return step == self.steps or step % self._every == 0

    def _listeners(self, step: int) -> list[Monitor]:
        done = self._before + step
        return [each for each in self.monitors if done % each.every == 0 or done == self.total]

    def _best(self, best: Callable[[], Signals]) -> Signals:
        """The best of all measurements, those of other passes included."""
        if len(self._rows) == len(self._all):
            return best()
        return self._placed([None if each is None else each.clone() for each in self._standing()], best())

    def _standing(self) -> list[Tensor | None]:
        """The signals of all measurements as far as passes have ended; before, those that wait."""
        if self._signals is None:
            assert self._waiting is not None, "a record of several passes needs `waiting`"
            self._signals = [None if each is None else each.clone() for each in self._waiting()]
        return self._signals

    def _placed(self, everything: list[Tensor | None], some: Signals) -> Signals:
        """The signals of this pass among those of all measurements."""
        for place, signal in enumerate(some):
            held = everything[place]
            if signal is not None and held is not None:
                held[self._rows] = signal
        w, x = everything
        assert x is not None
        return w, x

    def _in_order(self, order: Tensor, parts: Sequence[Sequence[Any]]) -> list[Any]:
        flat = [each for part in parts for each in part]
        return [flat[place] for place in order.tolist()]


def _drawn(parts: Sequence[Samples | None], order: Tensor) -> Samples | None:
    """The draws of all passes, their measurements in order."""
    made = [each for each in parts if each is not None]
    if not made:
        return None
    return Samples(*(torch.cat([getattr(each, name) for each in made], 1)[:, order] for name in ("w", "x")))
