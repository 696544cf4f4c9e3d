"""Many starts scored together, the best followed while the noise is annealed, fewer and fewer of them.

    search = Search(objective, candidates, starts, plan)
    for step in search.steps(): ...
    search.candidates, search.value, search.kept

The variance of the noise begins ``1 + anneal`` times as large and falls to its own along a parabola over the
first 60 % of the steps: with much noise only what is coarse in a measurement counts, and the landscape is
smooth. But what is coarse may also prefer a wrong kernel, and more noise loses what less would have found. So
there may be several such schedules: start number i of a measurement has schedule i mod their number, and as
long as there is more noise than its own, candidates of one schedule compete among themselves. Of every
measurement's starts the best by the annealed objective are followed by Adam, of these the best fewer, and so
on. Candidates do not see each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import torch
from torch import Tensor

from invkit_evidence.objective import Candidates, Objective

__all__ = ["Plan", "Search"]

_ANNEALED = 0.6
_BETAS, _EPS = (0.9, 0.99), 1e-8


@attrs.frozen
class Plan:
    """How many candidates a measurement are followed, for how many steps, and how far they go.

    Args:
        keep: candidates in every stage.
        steps: in all; every stage has its share of equal length.
        rate: the step size, falling along half a cosine.
        anneal: of every schedule, how many times the noise's variance is added to it at first.
    """

    keep: Sequence[int]
    steps: int
    rate: float
    anneal: Sequence[float]

    def tempering(self, done: int) -> list[float]:
        """What multiplies σ² after so many steps, in every schedule."""
        left = 0.0 if self.annealed(done) else 1 - done / (_ANNEALED * self.steps)
        return [1 + anneal * left**2 for anneal in self.anneal]

    def annealed(self, done: int) -> bool:
        """Whether all schedules have ended."""
        return done >= _ANNEALED * self.steps

    def length(self, done: int) -> float:
        """The step size after so many steps."""
        return self.rate * 0.5 * (1 + math.cos(math.pi * done / self.steps))

    def stage(self, done: int) -> int:
        """The stage that the step after so many belongs to."""
        return min(done * len(self.keep) // max(self.steps, 1), len(self.keep) - 1)


class Search:
    """The candidates of some measurements, measurement by measurement, from all starts to the last few.

    Args:
        objective: one row a measurement.
        candidates: ``starts`` of each measurement.
        starts: how many each has.
        plan: see :class:`Plan`.
    """

    def __init__(self, objective: Objective, candidates: Candidates, starts: int, plan: Plan) -> None:
        self.measurements, self.plan = len(objective.noise), plan
        rows = torch.arange(self.measurements, device=candidates.h.device)
        self._bound = objective
        self.candidates, self.objective = candidates, objective.select(rows.repeat_interleave(starts))
        #: the starts that the candidates come from, (measurements, candidates)
        self.kept = torch.arange(starts, device=rows.device).expand(self.measurements, starts)
        self.value = self.score(self.objective, candidates, self._tempering(0))
        self._moments = [(torch.zeros_like(part), torch.zeros_like(part)) for part in candidates.parts]

    def score(self, objective: Objective, candidates: Candidates, tempering: Tensor | float) -> Tensor:
        """The objective, (measurements, candidates); infinite where it is not a number."""
        with torch.no_grad():
            value = objective(candidates, tempering).reshape(self.measurements, -1)
        return value.nan_to_num(nan=math.inf, posinf=math.inf)

    def steps(self) -> Iterator[int]:
        """Take the steps of the plan, giving how many are done after each."""
        stage = -1
        for done in range(self.plan.steps):
            if self.plan.stage(done) != stage:
                stage = self.plan.stage(done)
                self._keep(self.plan.keep[stage], done)
            self._step(done)
            yield done + 1

    def finish(self, count: int, objective: Objective) -> None:
        """Keep the best so many; score them, without annealing, by an objective of one row a measurement."""
        self._keep(count, self.plan.steps)
        rows = torch.arange(self.measurements, device=self.kept.device)
        self.objective = objective.select(rows.repeat_interleave(self.kept.shape[1]))
        self.value = self.score(self.objective, self.candidates, 1.0)

    def winners(self) -> Tensor:
        """The row of every measurement's best candidate."""
        first = torch.arange(self.measurements, device=self.kept.device) * self.kept.shape[1]
        return first + self.value.argmin(1)

    def _tempering(self, done: int) -> Tensor:
        """What multiplies σ² of every candidate after so many steps."""
        schedules = self._bound.noise.new_tensor(self.plan.tempering(done))
        return schedules[self._schedule().flatten()]

    def _schedule(self) -> Tensor:
        """The schedule of every candidate, (measurements, candidates)."""
        return self.kept % len(self.plan.anneal)

    def _keep(self, count: int, done: int) -> None:
        """Follow the best ``count`` of every measurement."""
        count = min(count, self.kept.shape[1])
        if count == self.kept.shape[1]:
            return
        self.value = self.score(self.objective, self.candidates, self._tempering(done))
        best = self._best(count, together=self.plan.annealed(done))
        count = best.shape[1]
        first = torch.arange(self.measurements, device=best.device)[:, None] * self.kept.shape[1]
        rows = (first + best).flatten()
        self.kept, self.value = self.kept.gather(1, best), self.value.gather(1, best)
        self.candidates = self.candidates.select(rows)
        # measurements are bound once: candidates of one share its row
        index = torch.arange(self.measurements, device=best.device).repeat_interleave(count)
        self.objective = self._bound.select(index)
        self._moments = [(m[rows], v[rows]) for m, v in self._moments]

    def _best(self, count: int, *, together: bool) -> Tensor:
        """The numbers of the best ``count``, in order; of every schedule the same share, or ``together``."""
        if together:
            return self.value.topk(count, largest=False).indices.sort(1).values
        schedule, schedules = self._schedule(), len(self.plan.anneal)
        chosen = []
        for each in range(schedules):
            own = schedule == each  # as many in every row
            share = min(count // schedules + (each < count % schedules), int(own[0].sum()))
            # not a number comes after infinity: another schedule's is never taken
            chosen.append(self.value.masked_fill(~own, math.nan).topk(share, largest=False).indices)
        return torch.cat(chosen, 1).sort(1).values

    def _step(self, done: int) -> None:
        """One step of Adam of every candidate. The noise is let go where the annealing has ended: before, it
        would undo it.
        """
        free = self.plan.annealed(done)
        with torch.enable_grad():
            parts = [part.detach().requires_grad_() for part in self.candidates.parts]
            value = self.objective(Candidates(*parts), self._tempering(done))
            gradients = torch.autograd.grad(value.sum(), parts, allow_unused=True, materialize_grads=True)
        moved = []
        for index, (part, gradient) in enumerate(zip(parts, gradients, strict=True)):
            gradient = gradient.nan_to_num(0, 0, 0)
            if index == 2 and not free:
                gradient = torch.zeros_like(gradient)
            first, second = self._moments[index]
            first = _BETAS[0] * first + (1 - _BETAS[0]) * gradient
            second = _BETAS[1] * second + (1 - _BETAS[1]) * gradient.square()
            self._moments[index] = (first, second)
            size = (second / (1 - _BETAS[1] ** (done + 1))).sqrt() + _EPS
            step = first / (1 - _BETAS[0] ** (done + 1)) / size
            moved.append(part.detach() - self.plan.length(done) * step)
        self.candidates = Candidates(*moved)
        self.value = value.detach().reshape(self.measurements, -1).nan_to_num(nan=math.inf, posinf=math.inf)
