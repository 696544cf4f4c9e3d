"""Monitors: told of a solver's progress, as plain data; they never change it.

    class Print(Monitor):
        every = 100
        def on_step(self, progress):
            print(progress.step, progress.residual.min().item())

    solver.solve(problem, y, rng, monitors=[Print()])

A solver calls ``on_step`` only at steps that are multiples of ``every`` (and at the last), so nothing waits
for the device in between. Tensors in a :class:`Progress` are detached and must not be changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from torch import Tensor

if TYPE_CHECKING:
    from invkit.contracts.solution import Solution


@attrs.frozen(eq=False)
class Progress:
    """Where a solver stands after ``step`` of ``steps`` steps."""

    step: int
    steps: int
    #: the objective and the squared residual of every candidate, (measurements, restarts); NaN for those that
    #: dropped out
    objective: Tensor
    residual: Tensor
    #: gives the current best (w, x) per measurement, w None from a solver that finds none; costs something
    #: only when called
    best: Callable[[], tuple[Tensor | None, Tensor]]
    #: what is being worked on, for display: e.g. "start" or "descent"
    stage: str = "descent"


class Monitor(ABC):
    """Told when a solve starts, at every ``every``-th step, and when it ends."""

    #: ``on_step`` is called at multiples of this many steps, and at the last one
    every: int = 1

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:  # noqa: B027 - optional
        """A solve of ``steps`` steps begins."""

    @abstractmethod
    def on_step(self, progress: Progress) -> None:
        """Another ``every`` steps are done."""

    def on_end(self, solution: Solution) -> None:  # noqa: B027 - optional
        """The solve is over; its status says how it ended."""
