"""``evidence`` — integrate the image out, search the kernel alone.

    deblur = invkit.compose("circconv", ["trajectory", "gaussian:celeba"], "evidence")
    solution = deblur(y)

The two unknowns are not alike: the image has thousands of numbers, the kernel's latent a few tens. Minimising
over both prefers a wrong kernel with an image to match; the marginal likelihood of the kernel does not. The
solver maximises

    p(y | B(h)) p(h),      p(y | w) = ∫ N(y; A(w, x), σ²I) p(x) dx

over h, from many starts, the noise annealed (see :mod:`invkit_evidence.search`); the image is then the
posterior mean given the kernel found. Where that is not sure, it searches again
(:mod:`invkit_evidence.rounds`). It takes any operator and any prior of w, and of x any prior that can
be integrated out (:class:`invkit.contracts.marginal.IntegrableGenerator`).

Sources: A. Levin, Y. Weiss, F. Durand and W. Freeman, "Understanding and evaluating blind deconvolution
algorithms", CVPR 2009, and "Efficient marginal likelihood optimization in blind deconvolution", CVPR 2011,
for integrating the image out; here the integral is exact, since the prior is Gaussian, and the kernel is tied
to a generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import torch
from attrs.validators import deep_iterable, ge, gt, le, optional
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.marginal import IntegrableGenerator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Record, is_given, noise_level, start_latents
from invkit_evidence.confidence import Signs, features
from invkit_evidence.posterior import Parameters, Posterior
from invkit_evidence.rounds import Rounds
from invkit_evidence.search import Schedule
from invkit_evidence.watch import Watch, centre

__all__ = ["Evidence", "Finish", "Search"]

#: how fine the image prior is that the last candidates are compared and finished by
_FINE = 256


def _schedules(anneal: int | float | Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, anneal if isinstance(anneal, Sequence) else [anneal]))


def _ranks(rank: int | Sequence[int] | None) -> tuple[int, ...] | None:
    return None if rank is None else tuple(rank) if isinstance(rank, Sequence) else (rank,)


@attrs.frozen
class Search:
    """One search: many starts scored together, the best followed while the noise is annealed.

    Args:
        starts: latents drawn per measurement and scored together.
        keep: candidates per measurement followed in each stage, one of every schedule at least. Where the
            cost does not fall with the rank (bounds, dense covariances), fewer, e.g. 24x8x4, are much faster.
        steps: steps of Adam, in all.
        rate: its step size at first, falling along half a cosine.
        rank: how fine the image prior is in the last stages of the search (a Gaussian: its components), the
            first in all before; none: all of it. What the search ends with is compared, and the image is
            found, with all of it.
        anneal: σ² begins 1 + anneal times larger; of several schedules every start has one, and those of each
            are a search of their own, also where the same one is given twice.
        chunk: candidates at a time, for memory alone.
    """

    starts: int = attrs.field(default=384, validator=ge(1))
    keep: tuple[int, ...] = attrs.field(
        default=(256, 64, 16, 4), converter=tuple, validator=deep_iterable(ge(1))
    )
    steps: int = attrs.field(default=150, validator=ge(0))
    rate: float = attrs.field(default=0.1, validator=gt(0))
    rank: tuple[int, ...] | None = attrs.field(
        default=(8, 16, 32, 64),
        converter=_ranks,
        validator=optional(deep_iterable(ge(0))),  # type: ignore[arg-type]
    )
    anneal: tuple[float, ...] = attrs.field(
        default=(300.0, 10.0), converter=_schedules, validator=deep_iterable(ge(0))
    )
    chunk: int = attrs.field(default=1024, validator=ge(1))

    def __attrs_post_init__(self) -> None:
        if not self.anneal:
            raise InputError("anneal is empty", hint="write e.g. anneal=300x10, or anneal=0 for none")
        if not self.keep:
            raise InputError("keep is empty: no candidate would be followed", hint="write e.g. keep=24x8x3")
        if self.rank == ():
            raise InputError("rank is empty", hint="write e.g. rank=16x64, or rank=none for all of the prior")


@attrs.frozen
class Finish:
    """What follows a search.

    Args:
        finish: quasi-Newton steps at most, by 256 components, from where the search ends
            (:mod:`invkit_evidence.newton`).
        leaps: how often at most, after a search, a kernel is let free of its prior and taken back to it,
            where the evidence would gain much (:mod:`invkit_evidence.leap`).
        retries: how often at most a measurement is searched again whose kernel is not sure, with other
            starts, half of them variations of the winner (:mod:`invkit_evidence.rounds`).
        draws: draws from the posterior of both signals, for ``Solution.samples`` and ``Solution.x_std``
            (:mod:`invkit_evidence.chains`); 0: none. Fifty take about as long as the search.
        doubt: the status is ``doubtful`` where ``Solution.confidence`` is less. That is the probability that
            the kernel found costs less than 3 dB against the true one (:mod:`invkit_evidence.confidence`).
            None: as the image prior's calibration says; 0: it is not asked. Two schedules or more have to
            agree; of one alone, less is known.
    """

    finish: int = attrs.field(default=24, validator=ge(0))
    leaps: int = attrs.field(default=4, validator=ge(0))
    retries: int = attrs.field(default=3, validator=ge(0))
    draws: int = attrs.field(default=0, validator=ge(0))
    doubt: float | None = attrs.field(
        default=None, converter=attrs.converters.optional(float), validator=optional([ge(0), le(1)])
    )

    def __attrs_post_init__(self) -> None:
        if self.draws == 1:
            raise InputError("draws=1: one draw has no deviation", hint="give 2 or more, or 0 for none")


@attrs.frozen
class Evidence(Solver):
    """Maximum of the marginal likelihood over the first unknown's latent; the posterior mean of the second.

    The noise's standard deviation is the problem's where it is known (``noise="gaussian?sigma=0.01"``);
    where not, it is estimated together with the kernel.

    Args:
        search: how kernels are searched for.
        after: what follows a search.
    """

    search: Search = attrs.field(factory=Search)
    after: Finish = attrs.field(factory=Finish)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the prior of x cannot be integrated out, or the noise is not white and Gaussian.
        """
        problem = problem.shaped(tuple(y.shape[1:]))
        problem.require_plain_noise("evidence")
        prior_w, prior_x = problem.priors[0], integrable(problem)
        plan = Schedule(self.search.keep, self.search.steps, self.search.rate, self.search.anneal)
        if start is not None:  # it is there already: noise would only hide it
            h, plan = start_latents(start, problem, 0, rng)[:, None], attrs.evolve(plan, anneal=(0.0,))
        else:
            h = prior_w.sample_latent(
                1 if is_given(prior_w) else self.search.starts, rng, dtype=y.dtype, device=y.device
            ).expand(len(y), *[-1] * (1 + len(prior_w.latent_shape or ())))
        seed = int(torch.randint(2**62, (), generator=rng, dtype=torch.int64, device="cpu"))
        starts = h.shape[1]
        most = 1 + (self.after.retries if starts > 1 else 0)
        chunks = torch.arange(len(y), device=y.device).split(max(1, self.search.chunk // starts))
        record = Record(
            y,
            monitors,
            steps=self.search.steps * most,
            restarts=starts * most,
            passes=len(chunks),
            points=20,
            criterion="objective",
            waiting=lambda: centre(problem, y),
        )
        for rows in chunks:
            these = problem.select(rows)
            record.begin(rows)
            watch = Watch(record, these, y[rows], starts * most)
            rounds = self._rounds(these, prior_x, y[rows], plan, starts, seed)
            parameters = Parameters(
                h[rows].flatten(0, 1),
                y.new_zeros(len(rows) * starts, rounds.fine.marginal.nuisances),
                y.new_zeros(len(rows) * starts, 0 if problem.noise.sigma is not None else 1),
            )
            found = rounds.search(parameters, watch, torch.arange(len(rows), device=y.device))
            found = rounds.leapt(found, record)
            for retry in range(1, most):
                found = rounds.leapt(rounds.further(found, retry, watch), record)
            watch.over()
            own: dict[int, Signs] = {}
            with record:
                if not record.interrupted:
                    searched, found = found, rounds.finished(found)
                    own.update(rounds.judged(searched, found) if self.after.doubt != 0 else ())
            drawn = rounds.drawn(found, self.after.draws, record) if self.after.draws else None
            ended, *tables, status = watch.found(
                found, rounds.whole, own, drawn=drawn, doubt=self.after.doubt
            )
            record.objective[rows], record.residual[rows] = tables
            for row, each in zip(rows.tolist(), status, strict=True):
                record.status[row] = each
            record.end(ended)
        return record.solution()

    def signs(self, notes: Mapping[str, Any]) -> Mapping[str, float] | None:
        """The five signs of doubt as the law takes them; see :mod:`invkit_evidence.confidence`."""
        return features(notes) if "solitude" in notes else None

    def _rounds(
        self,
        problem: Problem,
        prior_x: IntegrableGenerator,
        y: Tensor,
        plan: Schedule,
        starts: int,
        seed: int,
    ) -> Rounds:
        sigma = problem.noise.sigma
        noise = noise_level(y) if sigma is None else sigma.to(y).expand(len(y))
        whole = Posterior(problem, prior_x.marginal(y), noise)
        fine = Posterior(problem, prior_x.marginal(y, rank=_FINE), noise)
        ranks = self.search.rank or (None,)
        coarse = [Posterior(problem, prior_x.marginal(y, rank=rank), noise) for rank in ranks]
        return Rounds(y, coarse, fine, whole, plan, self.after.finish, starts, self.after.leaps, seed)


def integrable(problem: Problem) -> IntegrableGenerator:
    """The prior of x, where it can be integrated out."""
    prior_x = problem.priors[1]
    if not isinstance(prior_x, IntegrableGenerator):
        raise InputError(
            f"evidence integrates the second unknown out, which {type(prior_x).__name__} cannot do",
            hint="choose a Gaussian prior for it, e.g. gaussian:celeba or spectrum, or another solver",
        )
    return prior_x
