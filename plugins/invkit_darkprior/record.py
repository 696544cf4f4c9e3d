"""What a solve leaves behind: the best pair of every measurement, progress for the monitors, the solution.

    record = Record(problem, y, start, steps_each, monitors)
    record.step(0, kernel, image, "kernel 27")       # measurement 0 has got so far
    record.end(0)
    solution = record.solution(seconds)

Measurements are solved one after another: the steps of the second follow those of the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Restarts, Solution, Status


class Record:
    """The pairs found so far, as the priors make them from their encoded latents.

    Args:
        problem: tied to shapes, its priors able to encode.
        y: the measurements.
        start: the pair (w, x) that stands until a step gives another.
        steps_each: steps of one measurement.
        monitors: told of the start at once.
    """

    def __init__(
        self,
        problem: Problem,
        y: Tensor,
        start: tuple[Tensor, Tensor],
        steps_each: int,
        monitors: Sequence[Monitor],
    ) -> None:
        self.problem, self.y, self.monitors = problem, y, monitors
        self.steps_each, self.done = steps_each, 0
        self.latents = tuple(prior.encode(part) for prior, part in zip(problem.priors, start, strict=True))
        state = problem.measured(y)(*self.latents).detach()
        self.w, self.x, self.objective, self.residual = state.w, state.x, state.total, state.residual
        self.status = [Status.INTERRUPTED] * len(y)
        self.history = y.new_full((len(y), 1, steps_each), torch.nan)
        for monitor in monitors:
            monitor.on_start(len(y) * steps_each, len(y), 1)

    def step(self, number: int, w: Tensor, x: Tensor, stage: str) -> bool:
        """Measurement ``number`` has come to a pair (w, x), (channels, height, width) each.

        Returns whether it is finite; where not, the pair before stays and the measurement has diverged.
        """
        one = slice(number, number + 1)
        h, m = (prior.encode(part[None]) for prior, part in zip(self.problem.priors, (w, x), strict=True))
        state = self.problem.measured(self.y[one])(h, m).detach()
        sound = all(bool(torch.isfinite(part).all()) for part in (state.w, state.x, state.total))
        if sound:
            values = (h, m, state.w, state.x, state.total, state.residual)
            held = (*self.latents, self.w, self.x, self.objective, self.residual)
            for place, value in zip(held, values, strict=True):
                place[one] = value
        else:
            self.status[number] = Status.DIVERGED
        self.history[number, 0, self.done - number * self.steps_each] = self.objective[number]
        self.done += 1
        self._tell(stage)
        return sound

    def end(self, number: int) -> None:
        """No more steps of this measurement are to come."""
        finished = self.done == (number + 1) * self.steps_each
        if self.status[number] == Status.INTERRUPTED:
            self.status[number] = Status.MAX_ITER if finished else Status.DIVERGED
        if not finished:  # the rest of its steps are passed over
            self.done = (number + 1) * self.steps_each
            self._tell("diverged")

    def solution(self, seconds: float) -> Solution:
        """The solution; tells the monitors that the solve is over."""
        lost = torch.tensor([status == Status.DIVERGED for status in self.status], device=self.y.device)
        table = [values.masked_fill(lost, torch.nan)[:, None] for values in (self.objective, self.residual)]
        solution = Solution(
            x=self.x,
            w=self.w,
            latents=(self.latents[0], self.latents[1]),
            residual=self.residual,
            status=tuple(self.status),
            restarts=Restarts(
                objective=table[0],
                residual=table[1],
                status=tuple((status,) for status in self.status),
                winner=(0,) * len(self.status),
            ),
            history=self.history,
            history_steps=tuple(range(1, self.steps_each + 1)),
            seconds=seconds,
        )
        for monitor in self.monitors:
            monitor.on_end(solution)
        return solution

    def _tell(self, stage: str) -> None:
        steps = len(self.y) * self.steps_each
        progress = Progress(
            self.done,
            steps,
            self.objective[:, None].clone(),
            self.residual[:, None].clone(),
            best=lambda: (self.w.clone(), self.x.clone()),
            stage=stage,
        )
        for monitor in self.monitors:
            if self.done % monitor.every == 0 or self.done == steps:
                monitor.on_step(progress)
