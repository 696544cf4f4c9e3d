"""``altgd`` — alternating gradient descent on both latents, with batched restarts (arXiv 1802.04073,
Algorithm 1).

    solver = invkit.solver("altgd")                       # what works
    solver = invkit.solver("altgd?preset=paper")          # as printed
    solver = invkit.solver("altgd?preset=paper,restarts=30,steps=3000")

Minimises ``‖y − A(B(h), C(m))‖² + λ f(h) + γ g(m)`` over both latents, by one forward and one backward
pass a step for all restarts of all measurements together. The restart with the least residual ``‖y −
A(B(h), C(m))‖²`` (equation (7)) wins.

Beyond the paper, and off in the presets ``paper`` and ``public`` (the last one in all presets):

- **Successive halving** (``keep``): of many starts the best few are followed, of these the best fewer for
  longer. Every stage costs about the same, so its length is inversely proportional to the number of
  candidates.
- **Annealed weights** (``anneal``): λ and γ begin large, which keeps early iterates among plausible signals.
- **Image slack** (``slack``, ρ): no image lies exactly in a generator's range. With ``x = C(m) + e``, the
  winner's e is ``argmin ‖y − A(w, C(m) + e)‖² + ρ‖e‖²``, ρ the ratio of the variances of noise and e. The
  solution's x is then C(m) + e, clipped to the prior's bounds, and no longer in the range; the idea is that
  of the paper's journal version. It gains PSNR and, on flat regions, loses SSIM. ``slack=0``: x is C(m).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import deep_iterable, ge, gt, in_
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem, Weight
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit_altgd.descent import Decay, Order, Schedule, UpdateName
from invkit_altgd.evidence_start import as_sure, evidence_starts
from invkit_altgd.presets import DEFAULT, options_of
from invkit_altgd.record import Recorder
from invkit_altgd.restarts import ChunkRun, Plan
from invkit_altgd.starts import draw, kind_of_start

PresetName = Literal["default", "paper", "public"]
Start = Literal["auto", "random", "image", "encoder", "evidence"]
Dft = Literal["unitary", "unnormalised"]
Hold = Literal["auto", "nothing", "w"]


NOISE_OF_THE_DEFAULT = 0.01
"""The standard deviation of the noise at which the default's weights, and the priors' own, were chosen."""


@attrs.frozen
class AltGD(Solver):
    """Alternating gradient descent. Every option not given is that of the preset.

    - preset: default (what works), paper (as printed), public (the authors' public code).
    - steps: steps of a winning candidate, in all.
    - restarts: starts per measurement. The start evidence is one, of a search with starts of its own.
    - keep: candidates per measurement in each stage of the halving; empty: all restarts to the end.
    - update: adam or gradient; normalise: divide each gradient by its own root mean square.
    - order: jacobi (both gradients at the previous pair) or gauss-seidel (h first, m sees the new h).
    - rate, decay, decay_steps: step size η, how it falls, and the τ of exponential: η·exp(−t/τ).
    - lam, gamma: the weights λ of the penalty on w and γ of that on x; anneal: how many times larger both
      begin, reaching their values at half of the steps. With start=evidence 1 unless given: more would undo
      it, if w moves.
    - own_weights: a prior that knows how much its penalty should weigh
      (`invkit.Generator.penalty_weight`) has that weight in place of λ or γ, and where the start evidence has
      estimated the noise's standard deviation σ, neither weighs less than σ² − 0.01², since 0.01 is what the
      weights were chosen at; a posterior has σ². Off as soon as lam or gamma is given.
    - dft: unnormalised lets the data term weigh as many times more as a measurement has pixels.
    - start: auto, random, image, encoder or evidence, see :mod:`invkit_altgd.starts`.
    - class_prior: for start=evidence, the spec of the prior of x that is integrated out; empty: the one that
      x's prior knows for this (`invkit.Generator.class_prior`), else x's prior itself.
    - search: for start=evidence, the spec of the solver whose latents are taken.
    - hold: w leaves the latent of w where it starts, nothing moves both; auto: w from the start evidence.
    - slack: ρ of the image slack; 0 keeps the image in the generator's range.
    - chunk: at most so many candidates at a time, for memory alone: results change by rounding at most.
    """

    steps: int = attrs.field(default=DEFAULT["steps"], validator=ge(1))
    restarts: int = attrs.field(default=DEFAULT["restarts"], validator=ge(1))
    keep: tuple[int, ...] = attrs.field(
        default=DEFAULT["keep"], converter=tuple, validator=deep_iterable(ge(1))
    )
    update: UpdateName = attrs.field(default=DEFAULT["update"], validator=in_(["adam", "gradient"]))
    normalise: bool = DEFAULT["normalise"]
    order: Order = attrs.field(default=DEFAULT["order"], validator=in_(["jacobi", "gauss-seidel"]))
    rate: float = attrs.field(default=DEFAULT["rate"], validator=gt(0))
    decay: Decay = attrs.field(default=DEFAULT["decay"], validator=in_(["constant", "exponential", "cosine"]))
    decay_steps: float = attrs.field(default=DEFAULT["decay_steps"], validator=gt(0))
    lam: float = attrs.field(default=DEFAULT["lam"], validator=ge(0))
    gamma: float = attrs.field(default=DEFAULT["gamma"], validator=ge(0))
    anneal: float = attrs.field(default=DEFAULT["anneal"], validator=ge(1))
    dft: Dft = attrs.field(default=DEFAULT["dft"], validator=in_(["unitary", "unnormalised"]))
    start: Start = attrs.field(
        default=DEFAULT["start"], validator=in_(["auto", "random", "image", "encoder", "evidence"])
    )
    slack: float = attrs.field(default=DEFAULT["slack"], validator=ge(0))
    own_weights: bool = DEFAULT["own_weights"]
    hold: Hold = attrs.field(default=DEFAULT["hold"], validator=in_(["auto", "nothing", "w"]))
    class_prior: str = DEFAULT["class_prior"]
    search: str = DEFAULT["search"]
    chunk: int = attrs.field(default=2048, validator=ge(1))

    @classmethod
    def from_spec(
        cls,
        *,
        preset: PresetName = "default",
        steps: int | None = None,
        restarts: int | None = None,
        keep: tuple[int, ...] | None = None,
        update: UpdateName | None = None,
        normalise: bool | None = None,
        order: Order | None = None,
        rate: float | None = None,
        decay: Decay | None = None,
        decay_steps: float | None = None,
        lam: float | None = None,
        gamma: float | None = None,
        anneal: float | None = None,
        dft: Dft | None = None,
        start: Start | None = None,
        slack: float | None = None,
        own_weights: bool | None = None,
        hold: Hold | None = None,
        class_prior: str | None = None,
        search: str | None = None,
        chunk: int | None = None,
    ) -> AltGD:
        """The solver of a preset, with whatever options are given in place of the preset's."""
        if start == "evidence" and anneal is None:
            anneal = 1.0
        if own_weights is None and (lam is not None or gamma is not None):
            own_weights = False
        given = {
            key: value
            for key, value in locals().items()
            if key not in ("cls", "preset") and value is not None
        }
        return cls(**{**options_of(preset), **given})

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`."""
        began = time.perf_counter()
        pixels = y[0, 0].numel() if self.dft == "unnormalised" else 1
        problem = problem.shaped(tuple(y.shape[1:]))
        lam, gamma = (weight / pixels for weight in self.weights(problem))
        problem = problem.weighted(lam, gamma)
        start = kind_of_start(self.start, problem)
        found: Solution | None = None
        if start == "evidence":
            starts_h, starts_m, found = evidence_starts(problem, y, self.class_prior, self.search, rng)
            if self.own_weights and found.noise is not None:
                more = found.noise.square() - NOISE_OF_THE_DEFAULT**2
                least = more.nan_to_num(0.0, posinf=0.0)  # of a search that diverged
                problem = problem.weighted(least.clamp_min(lam), least.clamp_min(gamma))
        else:
            starts_h, starts_m = draw(problem, y.shape[0], self._distinct_starts(problem, start), rng, y)
        restarts = starts_h.shape[1]
        together = max(1, self.chunk // restarts)
        chunks = [slice(i, i + together) for i in range(0, y.shape[0], together)]
        hold = ("nothing" if found is None else "w") if self.hold == "auto" else self.hold
        schedule = Schedule(self.steps, self.rate, self.decay, self.decay_steps, self.anneal)
        plan = Plan(schedule, self.stages(restarts), self.update, self.normalise, self.order, hold)
        interrupted = found is not None and Status.INTERRUPTED in found.status
        recorder = Recorder(monitors, self.steps, len(chunks), problem, starts_h, starts_m)
        for chunk in chunks:
            these = problem.weighted(*(_of(chunk, weight) for weight in problem.weights))
            run = ChunkRun(these, y[chunk], starts_h[chunk], starts_m[chunk], start, plan)
            run.go(recorder.next_chunk(run), interrupted=interrupted or recorder.interrupted)
        solution = recorder.solution(self.slack, time.perf_counter() - began)
        if found is not None:
            solution = attrs.evolve(solution, noise=found.noise)
            solution = as_sure(solution, found) if hold == "w" else solution
        for monitor in monitors:
            monitor.on_end(solution)
        return solution

    def weights(self, problem: Problem) -> tuple[float, float]:
        """λ and γ: the options, or the priors' own."""
        known = [prior.penalty_weight if self.own_weights else None for prior in problem.priors]
        given = (self.lam, self.gamma)
        lam, gamma = (own if own is not None else weight for own, weight in zip(known, given, strict=True))
        return lam, gamma

    def stages(self, restarts: int) -> list[tuple[int, int]]:
        """(candidates per measurement, steps) of every stage: steps inversely proportional to candidates,
        ``steps`` in all.
        """
        kept = [min(count, restarts) for count in self.keep] or [restarts]
        share = sum(1 / count for count in kept)
        ends = [
            round(self.steps * sum(1 / count for count in kept[: i + 1]) / share) for i in range(len(kept))
        ]
        return [(count, end - begin) for count, begin, end in zip(kept, [0, *ends[:-1]], ends, strict=True)]

    def _distinct_starts(self, problem: Problem, start: str) -> int:
        """One where nothing is drawn: a known w (an empty latent) makes all encoder starts the same."""
        shape_w, shape_x = (prior.latent_shape or () for prior in problem.priors)
        drawn = [shape_w] if start == "encoder" else [shape_w, shape_x]
        return 1 if all(0 in shape for shape in drawn) else self.restarts


def _of(chunk: slice, weight: Weight) -> Weight:
    """A penalty's weight, of these measurements."""
    return weight[chunk] if isinstance(weight, Tensor) else weight
