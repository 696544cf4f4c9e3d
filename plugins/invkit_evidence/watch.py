"""What a record is told while kernels are searched for, and what is written down in the end.

    watch = Watch(record, problem, y, starts=384)        # a chunk of measurements
    watch.begin(search, rows, first=0)
    watch.told(10)                                       # monitors whose turn it is
    found = watch.found(finalists, whole, signs, drawn=None, doubt=0.95)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import attrs
import torch
from jaxtyping import Float, Int
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Rivals, Samples, Status
from invkit.solving import Found, Record
from invkit_evidence.confidence import Signs, confidence, law_of
from invkit_evidence.posterior import Posterior
from invkit_evidence.search import Finalists, Search

__all__ = ["Watch"]

#: in nats: what is so much less probable than the winner is no rival; and how many are told
_HOPELESS, _MOST = 1000.0, 7


class Watch:
    """The tables and the best signals of a chunk of measurements, as its searches go on.

    Args:
        record: told of every step.
        problem: the chunk's.
        y: the chunk's measurements.
        starts: columns of the table: the starts of all searches of a measurement.
    """

    def __init__(self, record: Record, problem: Problem, y: Float[Tensor, "k *y"], starts: int) -> None:
        self.record, self.problem, self.y = record, problem, y
        self._objective = y.new_full((len(y), starts), torch.nan)
        self._residual = self._objective.clone()
        self._search: Search | None = None
        self._told = 0

    def begin(self, search: Search, rows: Int[Tensor, "j"], first: int) -> None:
        """A search of the measurements ``rows`` begins, whose starts are numbered from ``first`` on."""
        self._search, self._rows, self._first = search, rows, first

    def told(self, step: int) -> None:
        """Tell the monitors whose turn it is."""
        self._told = step
        if self.record.due(step):
            self._update()
            self.record.tell(step, self._objective, self._residual, self._best, "search")

    def over(self) -> None:
        """All searches have ended: steps that were not needed count as done."""
        with self.record:
            if not self.record.interrupted and self._told < self.record.steps:
                self.told(self.record.steps)

    def show(self, found: Finalists) -> None:
        """Monitors and the history see what a search has ended with, though another is to follow."""
        self._list(found)
        with torch.no_grad():
            best = found.winners()
            chosen = found.objective.select(found.row[best]).mean(found.candidates.select(best))
        self._shown[0][:], self._shown[1][:] = chosen

    def found(
        self,
        finalists: Finalists,
        whole: Posterior,
        signs: Mapping[int, Signs],
        *,
        drawn: Samples | None,
        doubt: float | None,
    ) -> tuple[Found, Tensor, Tensor, list[list[Status]]]:
        """What is found of the chunk; objective, residual and status of its starts.

        Winners' images are by all of the prior (``whole``), those of other finalists as they were compared.
        """
        y, prior_x = self.y, self.problem.priors[1]
        with torch.no_grad():
            w, x = finalists.means()
            best = finalists.winners()
            for row, number in enumerate(best.split(1)):  # alone, so that no neighbour changes a bit
                one = whole.select(finalists.row.new_tensor([row]))
                x = x.index_copy(0, number, one.mean(finalists.candidates.select(number))[1])
            measured = self.problem.operator(w, x)
            residual = (y[finalists.row] - measured).flatten(1).square().sum(1)
            winners = finalists.objective.select(finalists.row[best])
            noise = winners.variance(finalists.candidates.select(best)).sqrt()
        finite = torch.isfinite(x).flatten(1).all(1) & torch.isfinite(finalists.value)
        finite &= torch.isfinite(residual)
        self._list(finalists)
        self._residual[finalists.row, finalists.start] = residual
        status = [[Status.DROPPED] * self._objective.shape[1] for _ in range(len(y))]
        for row, start, sound in zip(
            finalists.row.tolist(), finalists.start.tolist(), finite.tolist(), strict=True
        ):
            status[row][start] = self.record.ended(sound)
        # What diverged has the prior's most probable image: all that is returned is finite.
        sound = finite[best]
        x = torch.where(
            sound.reshape(-1, *[1] * (x.ndim - 1)), x[best], prior_x(_encoded(prior_x, x[best] * 0))
        )
        winner = finalists.start[best].tolist()
        law, remark = law_of(prior_x)
        found_signs = [attrs.asdict(signs[row]) if row in signs else {} for row in range(len(x))]
        sure = [confidence(law, each) if each else math.nan for each in found_signs]
        least = law.doubt if doubt is None else doubt
        found = Found(
            x=x,
            w=w[best],
            latents=(finalists.candidates.h[best], _encoded(prior_x, x)),
            residual=self.problem.residual(w[best], x, y),
            winner=winner,
            status=[_judged(status[row][start], sure[row], least) for row, start in enumerate(winner)],
            noise=noise,
            confidence=y.new_tensor(sure) if least else None,
            notes=[{**each, **remark} for each in found_signs] if least else None,
            rivals=[_rivals(finalists, row, int(number)) for row, number in enumerate(best)],
            x_std=None if drawn is None else drawn.x.std(0),
            drawn=drawn,
        )
        return found, self._objective, self._residual, status

    def _list(self, found: Finalists) -> None:
        """The finalists' values in the table of all starts, and no others."""
        self._objective.fill_(torch.nan)
        value = torch.where(torch.isfinite(found.value), found.value, torch.nan)
        self._objective[found.row, found.start] = value

    def _update(self) -> None:
        """The search's values, in the table of all starts."""
        assert self._search is not None
        kept, value = self._search.kept, self._search.value
        columns = slice(self._first, self._first + self._search.starts)
        table = torch.full_like(self._objective[self._rows, columns], torch.nan)
        finite = torch.where(torch.isfinite(value), value, torch.nan)
        self._objective[self._rows, columns] = table.scatter(1, kept, finite)

    def _best(self) -> tuple[Tensor, Tensor]:
        """The best of every measurement so far."""
        assert self._search is not None
        with torch.no_grad():
            winners = self._search.winners()
            chosen = self._search.candidates.select(winners)
            now = self._search.objective.select(winners).mean(chosen)
        before = self._objective[self._rows, : self._first].nan_to_num(nan=math.inf)
        value = self._search.value.amin(1)
        better = value < (before.amin(1) if self._first else torch.full_like(value, math.inf))
        w, x = (every.clone() for every in self._shown)
        w[self._rows[better]], x[self._rows[better]] = (each[better] for each in now)
        return w, x

    @cached_property
    def _shown(self) -> tuple[Tensor, Tensor]:
        """Both signals as searches have ended with them; before, the priors' centre."""
        return centre(self.problem, self.y)


def _rivals(finalists: Finalists, row: int, winner: int) -> Rivals:
    """The other kernels of a measurement that differ from its winner's and from each other."""
    numbers = [each for each in finalists.close(row, _HOPELESS) if each != winner][:_MOST]
    behind = finalists.value[numbers] - finalists.value[winner]
    return Rivals(finalists.candidates.h[numbers], behind)


def centre(problem: Problem, y: Float[Tensor, "n *y"]) -> tuple[Tensor, Tensor]:
    """Both signals of latents of zero, once a measurement."""
    latents = (y.new_zeros(len(y), *(prior.latent_shape or ())) for prior in problem.priors)
    with torch.no_grad():
        w, x = (prior(latent) for prior, latent in zip(problem.priors, latents, strict=True))
    return w.clone(), x.clone()


def _judged(ended: Status, sure: float, doubt: float) -> Status:
    """The status of a measurement, from its winner's."""
    if ended is not Status.MAX_ITER or not doubt:
        return ended
    if math.isnan(sure):  # Ctrl-C, after the last step
        return Status.INTERRUPTED
    return Status.DOUBTFUL if sure < doubt else ended


def _encoded(prior: Generator, x: Tensor) -> Tensor:
    """The latents of images; zeros from a prior that has no encoder."""
    return prior.encode(x) if prior.can_encode else x.new_zeros(len(x), *(prior.latent_shape or ()))
