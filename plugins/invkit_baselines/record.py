"""What a solve leaves behind: progress for the monitors, the history, the solution's table.

    record = Record(monitors, steps, measurements=len(y), restarts=1)
    if record.due(step):
        record.tell(step, objective, residual, best)
    record.end(solution)

Values cost something to work out, so that a solver asks first whether anybody is to be told of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.solution import Restarts, Solution, Status

#: points of a history, at most
POINTS = 25


class Record:
    """Passes progress on and keeps the history of every restart of every measurement."""

    def __init__(self, monitors: Sequence[Monitor], steps: int, measurements: int, restarts: int = 1) -> None:
        self.monitors, self.steps = monitors, steps
        self.shape = (measurements, restarts)
        self.every = max(1, -(-steps // POINTS))
        self.last = 0
        self.points: list[tuple[int, Tensor]] = []
        for monitor in monitors:
            monitor.on_start(steps, measurements, restarts)

    def due(self, step: int) -> bool:
        """Whether the values at step 1, 2, … are wanted."""
        return step == self.steps or step % self.every == 0 or bool(self._listeners(step))

    def tell(
        self,
        step: int,
        objective: Float[Tensor, "n restarts"],
        residual: Float[Tensor, "n restarts"],
        best: Callable[[], tuple[Tensor | None, Tensor]],
    ) -> None:
        """Tell of a step; ``best`` gives the current (w, x) of every measurement."""
        self.last = step
        if step == self.steps or step % self.every == 0:
            self.points.append((step, objective))
        progress = Progress(step, self.steps, objective, residual, best)
        for monitor in self._listeners(step):
            monitor.on_step(progress)

    def solution(
        self,
        x: Float[Tensor, "n *x"],
        w: Float[Tensor, "n *w"],
        latents: tuple[Tensor, Tensor],
        values: tuple[Float[Tensor, "n"], Float[Tensor, "n"]],
        status: tuple[Status, ...],
        seconds: float,
    ) -> Solution:
        """The solution of a solver without restarts; ``values`` are objective and residual."""
        objective, residual = values
        return Solution(
            x=x,
            w=w,
            latents=latents,
            residual=residual,
            status=status,
            restarts=Restarts(
                objective=objective[:, None],
                residual=residual[:, None],
                status=tuple((each,) for each in status),
                winner=(0,) * len(status),
            ),
            history=self.history(x),
            history_steps=self.history_steps,
            seconds=seconds,
        )

    def end(self, solution: Solution) -> None:
        """The solve is over."""
        for monitor in self.monitors:
            monitor.on_end(solution)

    @property
    def history_steps(self) -> tuple[int, ...]:
        """The steps of :meth:`history`."""
        return tuple(step for step, _ in self.points)

    def history(self, like: Tensor) -> Float[Tensor, "n restarts points"]:
        """The objective at the recorded steps."""
        if not self.points:
            return like.new_zeros(*self.shape, 0)
        return torch.stack([objective for _, objective in self.points], 2)

    def _listeners(self, step: int) -> list[Monitor]:
        return [each for each in self.monitors if step % each.every == 0 or step == self.steps]
