"""Who is told what during a search, and the solution in the end.

record = Record(monitors, problem, steps, measurements, starts, y)
record.begin(search, rows, first=0)
record.told(10)                     # monitors whose turn it is
record.end(finalists, rows, draws=0, rng=rng)
record.signs[0] = ...               # of doubt, of the measurements that were judged
record.solution(seconds, doubt=0.5)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Restarts, Solution, Status
from invkit_evidence.confidence import Signs, confidence
from invkit_evidence.search import Finalists, Search

__all__ = ["Record"]

_RECORDED = 20
"""At most about so many points of the history."""


class Record:
    """Everything about a solve but the search itself."""

    def __init__(
        self,
        monitors: Sequence[Monitor],
        problem: Problem,
        steps: int,
        measurements: int,
        starts: int,
        y: Float[Tensor, "n *y"],
    ) -> None:
        self.monitors, self.problem, self.y = monitors, problem, y
        self.total = max(steps, 1)
        self.interrupted = False
        table = y.new_full((measurements, starts), torch.nan)
        self.objective, self.residual = table, table.clone()
        self.status = [[Status.DROPPED] * starts for _ in range(measurements)]
        self.winner = [0] * measurements
        #: the signs of doubt of every measurement that was judged
        self.signs: dict[int, Signs] = {}
        self._found: list[tuple[Tensor, ...]] = []
        self._history: list[Tensor] = []
        self._history_steps: list[int] = []
        self._search: Search | None = None
        self._told = 0
        for monitor in monitors:
            monitor.on_start(self.total, measurements, starts)

    def begin(self, search: Search, rows: Int[Tensor, "k"], first: int = 0) -> None:
        """A search of some measurements begins, whose starts are numbered from ``first`` on."""
        self._search, self._rows, self._first = search, rows, first
        self._update()

    def reached(self, done: int) -> None:
        """A measurement's searches have ended, and what was not to be searched again counts as done."""
        done = max(done, 1)  # where no step is to be taken, too
        try:
            if not self.interrupted and done != self._told:
                self.told(done)
        except KeyboardInterrupt:
            self.interrupted = True

    def told(self, done: int) -> None:
        """Tell the monitors whose turn it is."""
        self._told = done
        if done % max(1, self.total // _RECORDED) == 0 or done == self.total:
            self._update()
            if not self._history_steps or done > self._history_steps[-1]:
                self._history_steps.append(done)
                self._history.append(self.objective.clone())
        due = [each for each in self.monitors if done and (done % each.every == 0 or done == self.total)]
        if due:
            self._update()
            progress = Progress(
                done, self.total, self.objective.clone(), self.residual.clone(), self._best, "search"
            )
            for monitor in due:
                monitor.on_step(progress)

    def show(self, found: Finalists, rows: Int[Tensor, "k"]) -> None:
        """Monitors and the history see what a search has ended with, though another is to follow."""
        self._list(found, rows)
        with torch.no_grad():
            best = found.winners()
            chosen = found.objective.select(found.row[best]).mean(found.candidates.select(best))
        self._show(rows, *chosen)

    def end(self, found: Finalists, rows: Int[Tensor, "k"], draws: int, rng: torch.Generator) -> None:
        """What is found of some measurements: all candidates' residuals, of the winners all else."""
        y = self.y[rows]
        operator, prior_x = self.problem.operator, self.problem.priors[1]
        with torch.no_grad():
            w, x = found.means()
            residual = (y[found.row] - operator(w, x)).flatten(1).square().sum(1)
            best = found.winners()
            winners = found.objective.select(found.row[best])
            noise = winners.variance(found.candidates.select(best)).sqrt()
            spread = _deviations(found, best, draws, rng)
        finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(found.value)
        finite &= torch.isfinite(residual)
        places = rows[found.row]
        self._list(found, rows)
        self.residual[places, found.start] = residual
        for place, start, sound in zip(places.tolist(), found.start.tolist(), finite.tolist(), strict=True):
            self.status[place][start] = self._ended() if sound else Status.DIVERGED
        for place, start in zip(rows.tolist(), found.start[best].tolist(), strict=True):
            self.winner[place] = start
        # What diverged has the prior's most probable image: all that is returned is finite.
        sound = finite[best]
        wide = sound.reshape(-1, *[1] * (x.ndim - 1))
        x = torch.where(wide, x[best], prior_x(_encoded(prior_x, x[best] * 0)))
        again = (y - operator(w[best], x)).flatten(1).square().sum(1)
        residual_best = torch.where(sound, residual[best], again)
        self._show(rows, w[best], x)
        self._found.append(
            (w[best], x, found.candidates.h[best], _encoded(prior_x, x), residual_best, spread, noise)
        )

    def solution(self, seconds: float, doubt: float) -> Solution:
        """What was found, all chunks together; doubtful where it is less sure than ``doubt``."""
        w, x, h, m, residual, spread, noise = (torch.cat(parts) for parts in zip(*self._found, strict=True))
        sure = [confidence(self.signs[row]) if row in self.signs else math.nan for row in range(len(x))]
        status = tuple(
            self._status(self.status[row][start], sure[row], doubt) for row, start in enumerate(self.winner)
        )
        history = torch.stack(self._history, 2) if self._history else self.objective[:, :, None][:, :, :0]
        return Solution(
            x=x,
            w=w,
            latents=(h, m),
            residual=residual,
            status=status,
            restarts=Restarts(
                objective=self.objective,
                residual=self.residual,
                status=tuple(tuple(row) for row in self.status),
                winner=tuple(self.winner),
                criterion="objective",
            ),
            history=history,
            history_steps=tuple(self._history_steps),
            seconds=seconds,
            x_std=spread if spread.numel() else None,
            noise=noise,
            confidence=residual.new_tensor(sure) if doubt else None,
        )

    def _status(self, ended: Status, sure: float, doubt: float) -> Status:
        """Of a measurement, from its winner's."""
        if ended is not Status.MAX_ITER or not doubt:
            return ended
        if math.isnan(sure):  # Ctrl-C, after the last step
            return Status.INTERRUPTED
        return Status.DOUBTFUL if sure < doubt else ended

    def _ended(self) -> Status:
        return Status.INTERRUPTED if self.interrupted else Status.MAX_ITER

    def _show(self, rows: Int[Tensor, "k"], w: Tensor, x: Tensor) -> None:
        """From now on these are the best of the measurements."""
        for all_, each in zip(self._shown, (w, x), strict=True):
            all_[rows] = each

    def _list(self, found: Finalists, rows: Int[Tensor, "k"]) -> None:
        """The finalists' values in the table of all starts, and no others of these measurements."""
        self.objective[rows] = torch.nan
        value = torch.where(torch.isfinite(found.value), found.value, torch.nan)
        self.objective[rows[found.row], found.start] = value

    def _update(self) -> None:
        """The search's values, in the table of all starts."""
        assert self._search is not None
        kept, value = self._search.kept, self._search.value
        columns = slice(self._first, self._first + self._search.starts)
        table = torch.full_like(self.objective[self._rows, columns], torch.nan)
        self.objective[self._rows, columns] = table.scatter(
            1, kept, torch.where(torch.isfinite(value), value, torch.nan)
        )

    def _best(self) -> tuple[Tensor, Tensor]:
        """The best of every measurement so far; where its search has not begun, the priors' centre."""
        assert self._search is not None
        with torch.no_grad():
            winners = self._search.winners()
            chosen = self._search.candidates.select(winners)
            now = self._search.objective.select(winners).mean(chosen)
        before = self.objective[self._rows, : self._first].nan_to_num(nan=math.inf)
        least = before.amin(1) if self._first else torch.full_like(self._search.value[:, 0], math.inf)
        better = self._search.value.amin(1) < least
        w, x = (all_.clone() for all_ in self._shown)
        w[self._rows[better]], x[self._rows[better]] = (each[better] for each in now)
        return w, x

    @cached_property
    def _shown(self) -> tuple[Tensor, Tensor]:
        """Both signals of all measurements, as far as searches have ended."""
        latents = (self.y.new_zeros(len(self.y), *(p.latent_shape or ())) for p in self.problem.priors)
        with torch.no_grad():
            w, x = (prior(latent) for prior, latent in zip(self.problem.priors, latents, strict=True))
        return w.clone(), x.clone()


def _deviations(found: Finalists, best: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """The standard deviation of every pixel over posterior draws; empty where none are asked for."""
    chosen = found.candidates.select(best)
    objective = found.objective.select(found.row[best])
    if not draws:
        return chosen.h.new_zeros(len(best), 0)
    w = objective.problem.priors[0](chosen.h)
    linear, variance = objective.linear(w), objective.variance(chosen)
    samples = [objective.marginal.sample(linear, chosen.nuisance, variance, rng) for _ in range(draws)]
    return torch.stack(samples).std(0)


def _encoded(prior: Generator, x: Tensor) -> Tensor:
    """The latents of images; zeros from a prior that has no encoder."""
    return prior.encode(x) if prior.can_encode else x.new_zeros(len(x), *(prior.latent_shape or ()))
