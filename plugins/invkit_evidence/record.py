"""Who is told what during a search, and the solution in the end.

record = Record(monitors, problem, steps, measurements, starts, y)
record.begin(search, slice(0, 4))
record.told(10)                     # monitors whose turn it is
record.end(search, draws=0, rng=rng)
record.judge(search, coarse, seeds)
record.solution(seconds, doubt=0.5)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Restarts, Solution, Status
from invkit_evidence.confidence import Signs, confidence, signs
from invkit_evidence.objective import Objective
from invkit_evidence.search import Search

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
        for monitor in monitors:
            monitor.on_start(self.total, measurements, starts)

    def begin(self, search: Search, rows: slice) -> None:
        """A chunk's search begins."""
        self._search, self._rows = search, rows
        self._update()

    def told(self, done: int) -> None:
        """Tell the monitors whose turn it is."""
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

    def end(self, search: Search, draws: int, rng: torch.Generator) -> None:
        """A chunk's last candidates: their images and residuals, and of the winners all else."""
        y = self.y[self._rows]
        count = search.kept.shape[1]
        with torch.no_grad():
            w, x = search.objective.mean(search.candidates)
            operator = self.problem.operator
            residual = (y.repeat_interleave(count, 0) - operator(w, x)).flatten(1).square().sum(1)
            best = search.winners()
            spread = _deviations(search, best, draws, rng)
        finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(search.value.flatten())
        finite &= torch.isfinite(residual)
        self._update()
        table = self.residual[self._rows]
        table.scatter_(1, search.kept, residual.reshape(search.kept.shape))
        offset = self._rows.start
        for row, starts in enumerate(search.kept.tolist()):
            for column, start in enumerate(starts):
                ended = self._ended() if finite[row * count + column] else Status.DIVERGED
                self.status[offset + row][start] = ended
            self.winner[offset + row] = starts[int(best[row]) - row * count]
        prior_x = self.problem.priors[1]
        # What diverged has the prior's most probable image: all that is returned is finite.
        sound = finite[best][:, None]
        x = torch.where(
            sound.reshape(-1, *[1] * (x.ndim - 1)), x[best], prior_x(_encoded(prior_x, x[best] * 0))
        )
        again = (y - operator(w[best], x)).flatten(1).square().sum(1)
        residual_best = torch.where(sound[:, 0], residual[best], again)
        self._found.append(
            (w[best], x, search.candidates.h[best], _encoded(prior_x, x), residual_best, spread)
        )

    def judge(self, search: Search, coarse: Objective, seeds: Sequence[int]) -> None:
        """How sure the chunk's winners are; ``coarse`` is what was searched by, one row a measurement, and
        ``seeds`` has one for each, too. A hurried search is judged in a hurry.
        """
        count = search.kept.shape[1]
        residuals = self._found[-1][4].tolist()
        for row, best in enumerate(search.winners().tolist()):
            finalists = torch.arange(row * count, (row + 1) * count, device=self.y.device)
            self.signs[self._rows.start + row] = signs(
                coarse.select(finalists[:1] // count),
                search.objective.select(finalists[:1]),
                search.candidates.select(finalists),
                best - row * count,
                residuals[row],
                self.y[0].numel(),
                torch.Generator().manual_seed(seeds[row]),
                min(search.plan.steps, 40),
            )

    def solution(self, seconds: float, doubt: float) -> Solution:
        """What was found, all chunks together; doubtful where it is less sure than ``doubt``."""
        w, x, h, m, residual, spread = (torch.cat(parts) for parts in zip(*self._found, strict=True))
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

    def _update(self) -> None:
        """The search's values, in the table of all starts."""
        assert self._search is not None
        kept, value = self._search.kept, self._search.value
        self.objective[self._rows] = torch.nan
        self.objective[self._rows].scatter_(1, kept, torch.where(torch.isfinite(value), value, torch.nan))

    def _best(self) -> tuple[Tensor, Tensor]:
        """The best of every measurement so far; where its chunk has not begun, the priors' centre."""
        assert self._search is not None
        with torch.no_grad():
            rows = self._search.winners()
            chosen = self._search.candidates.select(rows)
            now = self._search.objective.select(rows).mean(chosen)
            before = [(w, x) for w, x, *_ in self._found]
            left = len(self.y) - (self._rows.start + len(rows))
            prior_w, prior_x = self.problem.priors
            waiting = []
            if left:
                h, m = (self.y.new_zeros(left, *(prior.latent_shape or ())) for prior in (prior_w, prior_x))
                waiting = [(prior_w(h), prior_x(m))]
            w, x = (torch.cat(parts) for parts in zip(*before, now, *waiting, strict=True))
        return w, x


def _deviations(search: Search, rows: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """The standard deviation of every pixel over posterior draws; empty where none are asked for."""
    chosen = search.candidates.select(rows)
    objective = search.objective.select(rows)
    if not draws:
        return chosen.h.new_zeros(len(rows), 0)
    w = objective.problem.priors[0](chosen.h)
    linear, variance = objective.linear(w), objective.variance(chosen)
    samples = [objective.marginal.sample(linear, chosen.nuisance, variance, rng) for _ in range(draws)]
    return torch.stack(samples).std(0)


def _encoded(prior: Generator, x: Tensor) -> Tensor:
    """The latents of images; zeros from a prior that has no encoder."""
    return prior.encode(x) if prior.can_encode else x.new_zeros(len(x), *(prior.latent_shape or ()))
