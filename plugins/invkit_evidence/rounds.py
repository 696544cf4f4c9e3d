"""Rounds of searches: a first one of all measurements, further ones where the kernel found is not sure.

    rounds = Rounds(y, coarse, fine, whole, plan, finish, starts, leaps, seed)
    found = rounds.search(parameters, watch, rows)
    found = rounds.leapt(found, record)                  # strained kernels leap
    found = rounds.further(found, 1, watch)              # kernels that are not sure are searched again
    for row, signs in rounds.judged(found): ...          # how doubtful they are
    found = rounds.finished(found)

A search that has gone astray seldom goes to the same place twice, so where its kernel is not sure
(:mod:`invkit_evidence.confidence`), another one helps. Every second start of a further search is a
**variation** of the winner: a tenth to a half of its latent's numbers are drawn anew. A kernel that shares
what is right and lacks what is wrong is found more often among these than among fresh draws; from fresh ones,
what is altogether elsewhere. It goes on as long as that betters the winner, or the kernel is doubtful.

Before, where a kernel is strained, it is let free of its prior and taken back to it, as long as that betters
it (:mod:`invkit_evidence.leap`): where a search has ended beside the right kernel, this is the way there.

What the search ends with is near a minimum of the coarse objective; the signs of doubt are taken there, and
the best is then brought to the minimum of the fine one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import torch
from jaxtyping import Float, Int
from torch import Tensor

from invkit.contracts.solution import Samples
from invkit.solving import Record
from invkit_evidence.chains import signals
from invkit_evidence.confidence import Signs
from invkit_evidence.newton import finish
from invkit_evidence.posterior import Parameters, Posterior
from invkit_evidence.search import Finalists, Schedule, Search
from invkit_evidence.watch import Watch
from invkit_evidence.winner import Winner

__all__ = ["Rounds"]

#: what is less sure by the law of faces is searched again, in every class, and what only one search has
#: found; the second time and later, what is less sure than the other, or where the last search has bettered
#: the winner by so many nats
_SURE, _DOUBTED, _BETTER = 0.985, 0.95, 10.0
#: in nats: what is more strained leaps
_STRAINED = 100.0
#: in nats: what is worse than the winner by less is finished beside it
_CLOSE = 100.0
#: from how few to how many of the winner's numbers a variation has anew
_SHARES = (0.1, 0.5)


@attrs.frozen(eq=False)
class Rounds:
    """All that a search needs but its starts.

    Args:
        y: the measurements.
        coarse: the objectives of searches, of the last stages, one row a measurement.
        fine: that the last candidates are compared and finished by.
        whole: by all of the prior, for the misfit, the image and draws of it.
        plan: of every search.
        finish: quasi-Newton steps at most, of the best candidate.
        starts: of every search and measurement.
        leaps: at most, after every search.
        seed: seed of every measurement's draws after its first starts.
    """

    y: Float[Tensor, "k *y"]
    coarse: Sequence[Posterior]
    fine: Posterior
    whole: Posterior
    plan: Schedule
    finish: int
    starts: int
    leaps: int
    seed: int
    #: by measurement, how many candidates it had, and the number and value of the one that is meant
    _winners: dict[tuple[int, int, int, float], Winner] = attrs.field(factory=dict, init=False)

    def search(
        self, parameters: Parameters, watch: Watch, rows: Int[Tensor, "k"], retry: int = 0
    ) -> Finalists:
        """Search the measurements ``rows`` for the first time, or once more. After Ctrl-C, what was found
        until then.
        """
        search = Search(self.coarse, parameters, self.starts, self.plan)
        watch.begin(search, rows, retry * self.starts)
        with watch.record:
            if not watch.record.interrupted:
                for step in search.steps():
                    watch.told(retry * self.plan.steps + step)
        return search.finalists(self.fine)

    def further(self, found: Finalists, retry: int, watch: Watch) -> Finalists:
        """What is found, and what round ``retry`` finds of measurements whose kernels are not sure."""
        unsure: list[int] = []
        with watch.record:
            if not watch.record.interrupted:
                unsure = [row for row in range(len(self.y)) if self._unsure(found, row, retry)]
        if not unsure or watch.record.interrupted:
            return found
        watch.show(found)
        index = torch.tensor(unsure, device=self.y.device)
        some = attrs.evolve(
            self,
            y=self.y[index],
            coarse=[each.select(index) for each in self.coarse],
            fine=self.fine.select(index),
            whole=self.whole.select(index),
        )
        winners = found.candidates.select(found.winners()[index])
        other = some.search(some._starts(winners, retry), watch, index, retry)
        return found.joined(other, unsure, retry * self.starts, retry * len(self.plan.anneal))

    def leapt(self, found: Finalists, record: Record) -> Finalists:
        """The same, the winners that were strained replaced by better ones, where a leap found any."""
        with record:
            for row in () if record.interrupted else range(len(self.y)):
                for number in range(self.leaps):
                    winner = self._winner(found, row)
                    better = winner.better(number) if winner.freed[1] >= _STRAINED else None
                    if better is None:
                        break
                    found = found.replaced(winner.number, *better)
        return found

    def judged(self, searched: Finalists, found: Finalists) -> Iterator[tuple[int, Signs]]:
        """Every measurement, and its signs of doubt, one after another: those of the best of ``found``, as
        the search had left it.
        """
        for row, number in enumerate(found.winners().tolist()):
            yield row, self._winner(searched, row, number).signs

    def finished(self, found: Finalists) -> Finalists:
        """The same, of every measurement the best, and what is nearly as good, at the minimum beside it."""
        # one after another: products of matrices of other sizes would round otherwise
        for row in range(len(self.y)) if self.finish else ():
            searched = found
            for number in searched.close(row, _CLOSE):
                winner = self._winner(searched, row, number)
                value, bent = found.value[winner.number], winner.hessian[None]
                ended = finish(winner.fine, winner.candidate, value, self.finish, bent)
                found = found.replaced(winner.number, *ended)
        return found

    def drawn(self, found: Finalists, count: int, record: Record) -> Samples:
        """Make ``count`` draws from every measurement's posterior; NaN where Ctrl-C came before."""
        with torch.no_grad():
            w, x = found.objective.select(found.row[:1]).mean(found.candidates.select(found.row[:1] * 0))
        shape = (count, len(self.y))
        made = Samples(*(each.new_full((*shape, *each.shape[1:]), torch.nan) for each in (w, x)))
        with record:
            for row in () if record.interrupted else range(len(self.y)):
                rng = torch.Generator().manual_seed(self.seed)
                winner = self._winner(found, row)
                made.w[:, row], made.x[:, row] = signals(winner.whole, winner.draws(count, rng), rng)
        return made

    def _winner(self, found: Finalists, row: int, number: int | None = None) -> Winner:
        """A measurement's, or another of its finalists as if it were; the same object as long as it is the
        same candidate among as many.
        """
        own = found.row == row
        which = found.best(row, own) if number is None else own.new_tensor(number, dtype=torch.long)
        key = row, int(own.sum()), int(which), float(found.value[which])
        if key not in self._winners:
            only = torch.tensor([row], device=self.y.device)
            coarse, fine, whole = (each.select(only) for each in (self.coarse[-1], self.fine, self.whole))
            made = Winner(found, row, which[None], self.y[only], coarse, fine, whole, self.seed)
            self._winners[key] = made
        return self._winners[key]

    def _unsure(self, found: Finalists, row: int, retry: int) -> bool:
        """Whether a measurement is to be searched again."""
        own, last = found.row == row, found.schedule >= (retry - 1) * len(self.plan.anneal)
        if not (own & last).any():
            return False  # it was sure before
        limit = _SURE
        if retry > 1 and not found.value[own & ~last].min() - found.value[own].min() > _BETTER:
            limit = _DOUBTED
        winner = self._winner(found, row)
        return winner.signs.solitude == 1 or winner.confidence < limit

    def _starts(self, winners: Parameters, retry: int) -> Parameters:
        """Of every measurement fresh ones and variations of the winner, alike in every schedule."""
        h = winners.h
        rng = torch.Generator().manual_seed(self.seed + retry)
        fresh = self.fine.problem.priors[0].sample_latent(self.starts, rng, dtype=h.dtype, device=h.device)
        share = torch.empty(self.starts, dtype=torch.float32, device="cpu").uniform_(*_SHARES, generator=rng)
        chance = torch.rand(fresh.shape, generator=rng, dtype=torch.float32, device="cpu")
        kept = chance >= share.reshape(-1, *[1] * (h.ndim - 1))
        varied = torch.arange(self.starts, device="cpu") // len(self.plan.anneal) % 2 == 1
        kept &= varied.reshape(share.shape + (1,) * (h.ndim - 1))
        latents = [torch.where(kept.to(h.device), each, fresh) for each in h]
        n = len(h) * self.starts
        other = (part.new_zeros(n, part.shape[1]) for part in winners.parts[1:])
        return Parameters(torch.cat(latents), *other)
