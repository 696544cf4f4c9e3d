"""Rounds of searches: a first one of all measurements, further ones where independent searches disagree.

    rounds = Rounds(coarse, fine, plan, starts, seeds)
    found = rounds.search(candidates, record, rows, done=0)
    found = rounds.further(found, 1, record, rows, done=150)        # of those that disagree, other starts
    for row, signs in rounds.judged(found, y): ...                  # how doubtful they are

A search that has gone astray seldom goes to the same place twice, so schedules that end at one image are a
sign that it is the best there is, and those that do not are a reason to look further. Every second start of a
further search is a **variation** of the winner: a tenth to a half of its latent's numbers are drawn anew. A
kernel that shares what is right and lacks what is wrong is found more often among these than among fresh
draws; from fresh ones, what is altogether elsewhere. It goes on as long as that betters the winner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import torch
from jaxtyping import Float, Int
from torch import Tensor

from invkit_evidence.confidence import Signs, disagreement, signs
from invkit_evidence.objective import Candidates, Objective
from invkit_evidence.record import Record
from invkit_evidence.search import Finalists, Plan, Search

__all__ = ["Rounds"]

#: in dB: searches whose images are further apart do not agree
_APART = 1.0
#: in nats: a further search that betters the winner by less is the last
_BETTER = 10.0
#: from how few to how many of the winner's numbers a variation has anew
_SHARES = (0.1, 0.5)


@attrs.frozen(eq=False)
class Rounds:
    """All that a search needs but its starts.

    Args:
        coarse: the objective of searches, one row a measurement.
        fine: that the last candidates are compared by.
        plan: of every search.
        starts: of every search and measurement.
        seeds: of each measurement, for all that is drawn after its first starts.
    """

    coarse: Objective
    fine: Objective
    plan: Plan
    starts: int
    seeds: Sequence[int]

    def search(
        self, candidates: Candidates, record: Record, rows: Int[Tensor, "k"], done: int, first: int = 0
    ) -> Finalists:
        """Search all; ``rows`` are the measurements' places in the record, where starts count from ``first``
        and steps from ``done``. After Ctrl-C, what was found until then.
        """
        search = Search(self.coarse, candidates, self.starts, self.plan)
        record.begin(search, rows, first)
        try:
            if not record.interrupted:
                for step in search.steps():
                    record.told(done + step)
        except KeyboardInterrupt:
            record.interrupted = True
        return search.finalists(self.fine)

    def further(
        self, found: Finalists, retry: int, record: Record, rows: Int[Tensor, "k"], done: int
    ) -> Finalists:
        """What is found, and what round ``retry`` finds of measurements whose searches do not agree."""
        if record.interrupted:
            return found
        try:
            apart = [
                row
                for row in range(len(rows))
                if self._bettered(found, row, retry) and self._apart(found, row, retry)
            ]
        except KeyboardInterrupt:
            record.interrupted = True
            return found
        if not apart:
            return found
        record.show(found, rows)
        index = torch.tensor(apart, device=rows.device)
        some = attrs.evolve(
            self,
            coarse=self.coarse.select(index),
            fine=self.fine.select(index),
            seeds=[self.seeds[row] for row in apart],
        )
        winners = found.candidates.select(found.winners()[index])
        first = retry * self.starts
        other = some.search(some._starts(winners, retry), record, rows[index], done, first)
        return found.joined(other, apart, first, retry * len(self.plan.anneal))

    def judged(self, found: Finalists, y: Float[Tensor, "k *y"]) -> Iterator[tuple[int, Signs]]:
        """Every measurement, and its signs of doubt, one after another."""
        with torch.no_grad():
            best = found.winners()
            w, x = self.fine.mean(found.candidates.select(best))
            residual = (y - self.fine.problem.operator(w, x)).flatten(1).square().sum(1).tolist()
        for row in range(len(y)):
            only = _only(row, y)
            independent = found.candidates.select(found.independent(row))
            rng = torch.Generator().manual_seed(self.seeds[row])
            yield (
                row,
                signs(
                    self.fine.select(only),
                    self.coarse.select(only),
                    independent,
                    residual[row],
                    y[0].numel(),
                    rng,
                ),
            )

    def _bettered(self, found: Finalists, row: int, retry: int) -> bool:
        """Whether the last of the further searches, if there was any, was worth it."""
        before = (found.row == row) & (found.schedule < (retry - 1) * len(self.plan.anneal))
        if not before.any():
            return retry == 1
        return bool(found.value[before].min() - found.value[found.row == row].min() > _BETTER)

    def _apart(self, found: Finalists, row: int, retry: int) -> bool:
        """Whether a measurement's searches disagree; what is no number agrees with nothing."""
        independent = found.candidates.select(found.independent(row))
        rng = torch.Generator().manual_seed(self.seeds[row] + retry)
        return not disagreement(self.coarse.select(_only(row, found.value)), independent, rng) < _APART

    def _starts(self, winners: Candidates, retry: int) -> Candidates:
        """Of every measurement fresh ones and variations of the winner, alike in every schedule."""
        h = winners.h
        latents = []
        for row, seed in enumerate(self.seeds):
            rng = torch.Generator().manual_seed(seed + retry)
            fresh = self.coarse.problem.priors[0].sample_latent(
                self.starts, rng, dtype=h.dtype, device=h.device
            )
            share = torch.empty(self.starts).uniform_(*_SHARES, generator=rng)
            chance = torch.rand(fresh.shape, generator=rng)
            kept = chance >= share.reshape(-1, *[1] * (h.ndim - 1))
            varied = torch.arange(self.starts) // len(self.plan.anneal) % 2 == 1
            kept &= varied.reshape(share.shape + (1,) * (h.ndim - 1))
            latents.append(torch.where(kept.to(h.device), h[row], fresh))
        n = len(self.seeds) * self.starts
        other = (part.new_zeros(n, part.shape[1]) for part in winners.parts[1:])
        return Candidates(torch.cat(latents), *other)


def _only(row: int, like: Tensor) -> Int[Tensor, "1"]:
    return torch.tensor([row], device=like.device)
