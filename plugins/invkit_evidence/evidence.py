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

import time
from collections.abc import Sequence
from typing import Any

import attrs
import torch
from attrs.validators import deep_iterable, ge, gt, le, optional
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.contracts.marginal import IntegrableGenerator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Example, Solver
from invkit.errors import InputError
from invkit_evidence.objective import Candidates, Objective, first_noise
from invkit_evidence.polish import Polish
from invkit_evidence.record import Record
from invkit_evidence.rounds import Rounds
from invkit_evidence.search import Plan

__all__ = ["Evidence"]


def _schedules(anneal: int | float | Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, anneal if isinstance(anneal, Sequence) else [anneal]))


def _ranks(rank: int | Sequence[int] | None) -> tuple[int, ...] | None:
    return None if rank is None else tuple(rank) if isinstance(rank, Sequence) else (rank,)


@attrs.frozen
class Evidence(Solver):
    """Maximum of the marginal likelihood over the first unknown's latent; the posterior mean of the second.

    - starts: latents drawn per measurement and scored together.
    - keep: candidates per measurement followed in each stage, one of every schedule at least; where the cost
    does not fall with the rank (bounds, dense covariances), fewer, e.g. 24x8x4, are much faster.
    - steps: of Adam, in all; rate: its step size at first, falling along half a cosine.
    - rank: how fine the image prior is in the last stages of the search (a Gaussian: its components), the
    first in all before; none: all of it. What the search ends with is compared, and the image is found, with
    all of it.
    - finish: steps of Newton's method at most, by all of the prior, from where the search ends
    (:mod:`invkit_evidence.newton`).
    - noise: the standard deviation σ of the noise; none: estimated, together with the kernel.
    - anneal: σ² begins 1 + anneal times larger; of several schedules every start has one.
    - leaps: how often at most, after a search, a kernel is let free of its prior and taken back to it, where
    the evidence would gain much (:mod:`invkit_evidence.leap`).
    - retries: how often at most a measurement is searched again whose kernel is not sure, with other starts,
    half of them variations of the winner (:mod:`invkit_evidence.rounds`).
    - draws: posterior samples whose standard deviation is ``Solution.x_std``; 0: none.
    - polish: the spec of a solver that makes the last image, the kernel given; polish_prior: of its image's
    prior (:mod:`invkit_evidence.polish`). None: the image is the posterior mean.
    - doubt: the status is ``doubtful`` where ``Solution.confidence`` is less, the probability that the kernel
    found costs less than 3 dB against the true one (:mod:`invkit_evidence.confidence`); 0: it is not asked.
    Two schedules or more have to agree; of one alone, less is known.
    - chunk: at most so many candidates at a time, for memory alone.
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
    finish: int = attrs.field(default=4, validator=ge(0))
    noise: float | None = attrs.field(default=None, validator=optional(gt(0)))
    anneal: tuple[float, ...] = attrs.field(
        default=(300.0, 10.0), converter=_schedules, validator=deep_iterable(ge(0))
    )
    leaps: int = attrs.field(default=4, validator=ge(0))
    retries: int = attrs.field(default=3, validator=ge(0))
    draws: int = attrs.field(default=0, validator=ge(0))
    polish: str | None = None
    polish_prior: str = "identity"
    doubt: float = attrs.field(default=0.95, converter=float, validator=[ge(0), le(1)])
    chunk: int = attrs.field(default=1024, validator=ge(1))

    def __attrs_post_init__(self) -> None:
        if self.draws == 1:
            raise InputError("draws=1: one draw has no deviation", hint="give 2 or more, or 0 for none")
        if not self.anneal:
            raise InputError("anneal is empty", hint="write e.g. anneal=300x10, or anneal=0 for none")
        if not self.keep:
            raise InputError("keep is empty: no candidate would be followed", hint="write e.g. keep=24x8x3")
        if self.rank == ():
            raise InputError("rank is empty", hint="write e.g. rank=16x64, or rank=none for all of the prior")

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the prior of x cannot be integrated out, or the solver that polishes refuses.
        """
        began = time.perf_counter()
        polish = Polish.of(self.polish, self.polish_prior) if self.polish else None
        record = self.searched(problem, y, rng, monitors)
        solution = record.solution(time.perf_counter() - began, self.doubt)
        if polish and not record.interrupted:
            polished = polish(problem.shaped(tuple(y.shape[1:])), y, solution, rng)
            solution = attrs.evolve(polished, seconds=time.perf_counter() - began)
        for monitor in monitors:
            monitor.on_end(solution)
        return solution

    def searched(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Record:
        """The record of all searches; it has the signs of doubt, too."""
        problem = problem.shaped(tuple(y.shape[1:]))
        prior_x = integrable(problem)
        starts = self._distinct_starts(problem)
        most = 1 + (self.retries if starts > 1 else 0)
        drawn, seeds = self._draw(problem, prior_x, y, starts, rng)
        together = max(1, self.chunk // starts)
        chunks = torch.arange(len(y), device=y.device).split(together)
        plan = Plan(self.keep, self.steps, self.rate, self.anneal)
        record = Record(monitors, problem, self.steps * len(chunks) * most, len(y), starts * most, y)
        for number, rows in enumerate(chunks):
            first, noise = number * together * starts, self._noise(y[rows])
            candidates = drawn.select(torch.arange(first, first + len(rows) * starts, device=y.device))
            fine = Objective(problem, prior_x.marginal(y[rows]), noise)
            ranks = self.rank or (None,)
            coarse = [Objective(problem, prior_x.marginal(y[rows], rank=rank), noise) for rank in ranks]
            own = [seeds[row] for row in rows.tolist()]
            rounds = Rounds(y[rows], coarse, fine, plan, self.finish, starts, self.leaps, own)
            found = rounds.search(candidates, record, rows, number * most * self.steps)
            found = rounds.leapt(found, record)
            for retry in range(1, most):
                done = (number * most + retry) * self.steps
                found = rounds.leapt(rounds.further(found, retry, record, rows, done), record)
            record.reached((number + 1) * most * self.steps)
            try:
                if not record.interrupted:
                    for row, signs in rounds.judged(found) if self.doubt else ():
                        record.signs[int(rows[row])] = signs
                    found = rounds.finished(found)
            except KeyboardInterrupt:
                record.interrupted = True
            record.end(found, rows, self.draws, rng)
        return record

    def examples(self, seed: int) -> Sequence[Example]:
        """Blur by a free, a known and a straight kernel, and gains, with images of natural spectra."""
        rng = torch.Generator().manual_seed(seed)
        made = [
            ("circconv, free kernel", "circconv", "simplex?size=3", "spectrum?shape=1x8x9"),
            ("circconv, motion, colour", "circconv", "motion?size=5", "spectrum?shape=3x8x8"),
            ("linconv, dense", "linconv", "simplex?size=3", "spectrum?shape=1x6x6"),
            ("gains", "pointwise", "gaussian-blur?size=6,widest=1.5", "spectrum?shape=1x6x6"),
        ]
        return [_example(name, operator, priors, rng) for name, operator, *priors in made]

    def _distinct_starts(self, problem: Problem) -> int:
        """One where nothing is drawn: a known w."""
        return 1 if 0 in (problem.priors[0].latent_shape or ()) else self.starts

    def _noise(self, y: Tensor) -> Tensor:
        return first_noise(y) if self.noise is None else torch.full_like(y.flatten(1)[:, 0], self.noise)

    def _draw(
        self, problem: Problem, prior_x: IntegrableGenerator, y: Tensor, starts: int, rng: torch.Generator
    ) -> tuple[Candidates, list[int]]:
        """The starts of all measurements and a seed each for what is drawn later, one measurement after
        another, so that the first do not depend on the others.
        """
        h, seeds = [], []
        for _ in range(len(y)):
            h.append(problem.priors[0].sample_latent(starts, rng, dtype=y.dtype, device=y.device))
            seeds.append(int(torch.randint(2**62, (), generator=rng)))
        n = len(y) * starts
        candidates = Candidates(
            torch.cat(h),
            y.new_zeros(n, prior_x.marginal(y[:1], rank=0).nuisances),
            y.new_zeros(n, 1 if self.noise is None else 0),
        )
        return candidates, seeds


def integrable(problem: Problem) -> IntegrableGenerator:
    """The prior of x, where it can be integrated out."""
    prior_x = problem.priors[1]
    if not isinstance(prior_x, IntegrableGenerator):
        raise InputError(
            f"evidence integrates the second unknown out, which {type(prior_x).__name__} cannot do",
            hint="choose a Gaussian prior for it, e.g. gaussian:celeba or spectrum, or another solver",
        )
    return prior_x


def _example(name: str, operator: str, priors: Sequence[str], rng: torch.Generator) -> Example:
    problem = Problem(invkit.operator(operator), (invkit.prior(priors[0]), invkit.prior(priors[1])))
    w, x = (prior(prior.sample_latent(3, rng, dtype=torch.float64)) for prior in problem.priors)
    y: Tensor = problem.operator(w, x)
    return Example(name, problem, y + 0.01 * torch.randn(y.shape, generator=rng, dtype=y.dtype))
