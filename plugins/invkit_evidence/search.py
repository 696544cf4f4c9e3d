"""Many starts scored together, the best followed while the noise is annealed, fewer and fewer of them.

    search = Search(objectives, candidates, starts, plan)
    for step in search.steps(): ...
    found = search.finalists(fine)              # the last few, compared by a finer objective
    found.candidates, found.value, found.row    # whose they are

The variance of the noise begins ``1 + anneal`` times as large and falls to its own along a parabola over
the first 60 % of the steps: with much noise only what is coarse in a measurement counts, and the landscape
is smooth. But what is coarse may also prefer a wrong kernel, and more noise loses what less would have
found. So there may be several such schedules: start number i of a measurement has schedule i mod their
number, and candidates of one schedule compete among themselves, to the end. So they are searches of their
own: where all end at one kernel, independent searches agree, and where not, one of them at least went
astray. Of the starts of a schedule the best by the annealed objective are followed by Adam, of these the
best fewer, and so on. Those that are followed have kernels that differ (:mod:`invkit_evidence.niches`).
Every stage may have an objective of its own: a coarse one is cheap, so that many can be followed while the
noise hides what it leaves out. Parameters do not see each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from invkit.solving import Adam
from invkit_evidence.niches import distinct
from invkit_evidence.posterior import Parameters, Posterior

__all__ = ["Finalists", "Schedule", "Search"]

_ANNEALED = 0.6


@attrs.frozen
class Schedule:
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
        """Whether the noise is what it is."""
        return done >= _ANNEALED * self.steps

    def length(self, done: int) -> float:
        """The step size after so many steps."""
        return self.rate * 0.5 * (1 + math.cos(math.pi * done / self.steps))

    def stage(self, done: int) -> int:
        """The stage that the step after so many belongs to."""
        return min(done * len(self.keep) // max(self.steps, 1), len(self.keep) - 1)

    def share(self, stage: int, count: int) -> int:
        """Which of so many objectives is that of a stage: the last of the last, and so on to the first."""
        return max(0, stage + count - len(self.keep))


@attrs.frozen(eq=False)
class Finalists:
    """The last candidates of some measurements, any number of each.

    Args:
        objective: that they are compared by, one row a measurement.
        candidates: all of them.
        row: the measurement of each.
        start: the number of the start that each comes from.
        schedule: the number of its schedule; of later searches, other numbers.
        value: the objective, infinite where it is not a number.
    """

    objective: Posterior
    candidates: Parameters
    row: Int[Tensor, "k"]
    start: Int[Tensor, "k"]
    schedule: Int[Tensor, "k"]
    value: Float[Tensor, "k"]

    def winners(self) -> Int[Tensor, "n"]:
        """The number of every measurement's best."""
        return torch.stack([self.best(row, self.row == row) for row in range(len(self.objective.noise))])

    def independent(self, row: int) -> Int[Tensor, "s"]:
        """The numbers of the best of each schedule of a measurement, the best of all first."""
        own = self.schedule[self.row == row].unique()
        best = torch.stack([self.best(row, self.schedule == each) for each in own])
        return best[self.value[best].argsort(stable=True)]

    def best(self, row: int, among: Bool[Tensor, "k"]) -> Int[Tensor, ""]:
        """The number of the measurement's best among some; the first where none is a number."""
        numbers = (among & (self.row == row)).nonzero()[:, 0]
        return numbers[self.value[numbers].argmin()]

    def close(self, row: int, nats: float) -> list[int]:
        """The numbers of a measurement's candidates that are worse than its best by less than so much and
        differ from each other, the best first.
        """
        own = (self.row == row).nonzero()[:, 0]
        value = self.value[own]
        near = own[value < value.min() + nats]
        if len(near) < 2:
            return near.tolist()
        with torch.no_grad():
            w = self.objective.select(self.row[near]).problem.priors[0](self.candidates.h[near])
        return near[distinct(w, self.value[near])].tolist()

    def means(self) -> tuple[Tensor, Tensor]:
        """w and the posterior mean of x, of every candidate."""
        return self.objective.select(self.row).mean(self.candidates)

    def replaced(
        self, index: Int[Tensor, "n"], candidates: Parameters, value: Float[Tensor, "n"]
    ) -> Finalists:
        """The same, some candidates and their values replaced by others."""
        parts = zip(self.candidates.parts, candidates.parts, strict=True)
        return attrs.evolve(
            self,
            candidates=Parameters(*(old.index_copy(0, index, new) for old, new in parts)),
            value=self.value.index_copy(0, index, value),
        )

    def joined(self, other: Finalists, rows: Sequence[int], starts: int, schedules: int) -> Finalists:
        """These and those of a further search of the measurements ``rows``, whose numbers of starts and
        schedules are counted from ``starts`` and ``schedules`` on.
        """
        parts = zip(self.candidates.parts, other.candidates.parts, strict=True)
        return Finalists(
            self.objective,
            Parameters(*(torch.cat(pair) for pair in parts)),
            torch.cat([self.row, torch.tensor(rows, device=self.row.device)[other.row]]),
            torch.cat([self.start, other.start + starts]),
            torch.cat([self.schedule, other.schedule + schedules]),
            torch.cat([self.value, other.value]),
        )


class Search:
    """The candidates of some measurements, measurement by measurement, from all starts to the last few.

    Args:
        objectives: of the last stages, one row a measurement each; the first is that of those before, too.
        candidates: ``starts`` of each measurement.
        starts: how many each has.
        plan: see :class:`Schedule`.
    """

    def __init__(
        self, objectives: Sequence[Posterior], candidates: Parameters, starts: int, plan: Schedule
    ) -> None:
        self.measurements, self.plan, self.starts = len(objectives[0].noise), plan, starts
        rows = torch.arange(self.measurements, device=candidates.h.device)
        self._objectives, self._bound = objectives, objectives[plan.share(0, len(objectives))]
        self.candidates, self.objective = candidates, self._bound.select(rows.repeat_interleave(starts))
        #: the starts that the candidates come from, (measurements, candidates)
        self.kept = torch.arange(starts, device=rows.device).expand(self.measurements, starts)
        self.value = self.score(self.objective, candidates, self._tempering(0))
        self._adam = [Adam(part) for part in candidates.parts]

    def score(self, objective: Posterior, candidates: Parameters, tempering: Tensor | float) -> Tensor:
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
                self._measure(self._objectives[self.plan.share(stage, len(self._objectives))])
                self._keep(self.plan.keep[stage], done)
            self._step(done)
            yield done + 1

    def finalists(self, objective: Posterior) -> Finalists:
        """The last stage's best, scored, without annealing, by an objective of one row a measurement."""
        self._keep(self.plan.keep[-1], self.plan.steps)
        index = self._rows()
        self.value = self.score(objective.select(index), self.candidates, 1.0)
        schedule = self._schedule().flatten()
        return Finalists(
            objective, self.candidates, index, self.kept.flatten(), schedule, self.value.flatten()
        )

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

    def _measure(self, objective: Posterior) -> None:
        """From now on candidates are compared by this one."""
        if objective is not self._bound:
            self._bound, self.objective = objective, objective.select(self._rows())

    def _keep(self, count: int, done: int) -> None:
        """Follow the best ``count`` of every measurement."""
        count = min(count, self.kept.shape[1])
        if count == self.kept.shape[1]:
            return
        if done:  # of the starts it is known
            self.value = self.score(self.objective, self.candidates, self._tempering(done))
        best = self._best(count)
        count = best.shape[1]
        first = torch.arange(self.measurements, device=best.device)[:, None] * self.kept.shape[1]
        rows = (first + best).flatten()
        self.kept, self.value = self.kept.gather(1, best), self.value.gather(1, best)
        self.candidates = self.candidates.select(rows)
        # measurements are bound once: candidates of one share its row
        self.objective = self._bound.select(self._rows())
        for adam in self._adam:
            adam.select(rows)

    def _rows(self) -> Tensor:
        """The measurement of every candidate."""
        rows = torch.arange(self.measurements, device=self.kept.device)
        return rows.repeat_interleave(self.kept.shape[1])

    def _best(self, count: int) -> Tensor:
        """The numbers of the best ``count`` whose kernels differ, in order; of every schedule the same share,
        one at least.
        """
        schedule, schedules = self._schedule(), len(self.plan.anneal)
        with torch.no_grad():
            w = self.objective.problem.priors[0](self.candidates.h)
        w = w.reshape(self.measurements, -1, *w.shape[1:])
        chosen = []
        for row, kernels, value in zip(schedule, w, self.value, strict=True):
            best = []
            for each in range(schedules):
                own = (row == each).nonzero()[:, 0]
                share = min(max(count // schedules + (each < count % schedules), 1), len(own))
                best.append(own[distinct(kernels[own], value[own], share)])
            chosen.append(torch.cat(best).sort().values)  # as many in every row
        return torch.stack(chosen)

    def _step(self, done: int) -> None:
        """One step of Adam of every candidate. The noise is let go where the annealing has ended: before, it
        would undo it.
        """
        free = self.plan.annealed(done)
        with torch.enable_grad():
            parts = [part.detach() for part in self.candidates.parts]
            moving = [part.requires_grad_() for part in (parts if free else parts[:2])]
            value = self.objective(Parameters(*parts), self._tempering(done))
            gradients = torch.autograd.grad(value.sum(), moving, allow_unused=True, materialize_grads=True)
        if not free:
            gradients = (*gradients, torch.zeros_like(parts[2]))
        moved = [
            part.detach() - self.plan.length(done) * adam(gradient)
            for part, gradient, adam in zip(parts, gradients, self._adam, strict=True)
        ]
        self.candidates = Parameters(*moved)
        self.value = value.detach().reshape(self.measurements, -1).nan_to_num(nan=math.inf, posinf=math.inf)
