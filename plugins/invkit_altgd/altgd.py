"""``altgd`` — alternating gradient descent on both latents, with batched restarts (arXiv 1802.04073,
Algorithm 1).

    solver = invkit.solver("altgd")                              # what works
    solver = invkit.solver("altgd", restarts=30, steps=3000)
    solver = invkit.method("paper").solver                       # the settings as printed

Minimises ``d(A(B(h), C(m)), y) + λ f(h) + γ g(m)`` over both latents, by one forward and one backward pass a
step for all restarts of all measurements together; d is the data term of the noise model, for Gaussian noise
``‖y − A(B(h), C(m))‖²``. The restart with the least data term (equation (7)) wins.

The defaults go beyond the paper in three ways. A fourth is off by default.

- **Successive halving** (``keep``): the best few of many starts are followed, of these the best fewer for
  longer.
- **Annealed weights** (``anneal``): λ and γ begin large, which keeps early iterates among plausible signals.
- **Weights of the priors' own**: see :class:`Penalties`.
- **Image slack** (``slack``, ρ): no image lies exactly in a generator's range. With ``x = C(m) + e``, the
  winner's e is ``argmin ‖y − A(w, C(m) + e)‖² + ρ‖e‖²``, where ρ is the ratio of the variances of noise and
  e. The solution's x is then C(m) + e, clipped to the prior's bounds, and no longer in the range; the idea is
  that of the paper's journal version. It gains PSNR and loses SSIM on flat regions. ``slack=0``: x is C(m).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge, optional
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Noise
from invkit.contracts.problem import Problem, Weight
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.solving import Candidates, is_given, ridge_inverse, run
from invkit_altgd.descent import Descent, Step
from invkit_altgd.starts import Starts, improve

__all__ = ["AltGD", "Penalties"]

#: λ and γ of priors that know no weight of their own
DEFAULT_WEIGHTS = (1e-4, 1e-5)

#: standard deviation of the noise at which these weights, and the priors' own, were chosen
NOISE_OF_THE_WEIGHTS = 0.01


@attrs.frozen
class Penalties:
    """How much the penalties weigh beside the data term.

    Args:
        weight_w, weight_x: λ of the penalty on w and γ of that on x. None: the weight that the prior knows
            for itself (`invkit.Generator.penalty_weight`), else 1e-4 and 1e-5; and where the noise's standard
            deviation σ is known, at least σ² − 0.01², since these weights were chosen at 0.01 and a posterior
            has σ².
        anneal: how many times larger both begin, falling geometrically to their values at half of the steps.
            Where w moves, a solve that starts from a solution is not annealed: that would undo it.
    """

    weight_w: float | None = attrs.field(default=None, validator=optional(ge(0)))
    weight_x: float | None = attrs.field(default=None, validator=optional(ge(0)))
    anneal: float = attrs.field(default=100.0, validator=ge(1))

    def weights(self, priors: tuple[Generator, Generator], noise: Noise) -> tuple[Weight, Weight]:
        """λ and γ, each a number or one for every measurement."""
        made = [
            _own_weight(prior, default, noise) if given is None else given
            for given, prior, default in zip(
                (self.weight_w, self.weight_x), priors, DEFAULT_WEIGHTS, strict=True
            )
        ]
        return made[0], made[1]

    def factor_at(self, step: int, steps: int) -> float:
        """How many times larger λ and γ are at a step."""
        return float(self.anneal ** max(0.0, 1 - 2 * step / steps))


def _own_weight(prior: Generator, default: float, noise: Noise) -> Weight:
    weight = default if prior.penalty_weight is None else prior.penalty_weight
    if noise.sigma is None:
        return weight
    least = noise.sigma.square() - NOISE_OF_THE_WEIGHTS**2
    least = least.nan_to_num(0.0, posinf=0.0)  # from a search that diverged
    least = least.clamp_min(weight)
    return least if least.ndim else float(least)


@attrs.frozen
class AltGD(Solver):
    """Alternating gradient descent.

    Args:
        descent: how candidates move.
        starts: where they begin, and how many are followed.
        penalties: how much λ f and γ g weigh.
        slack: ρ of the image slack; 0 keeps the image in the generator's range.
    """

    descent: Descent = attrs.field(factory=Descent)
    starts: Starts = attrs.field(factory=Starts)
    penalties: Penalties = attrs.field(factory=Penalties)
    slack: float = attrs.field(default=0.0, validator=ge(0))

    takes_complex = True
    takes_tied = True

    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`."""
        problem = problem.shaped(tuple(y.shape[1:]))
        problem = problem.weighted(*self.penalties.weights(problem.priors, problem.noise))
        if self.slack:
            problem.require_plain_noise("altgd's slack")
        kind = self.starts.kind(problem, tuple(y.shape[1:])) if start is None else "start"
        step = Step(self.descent)

        def begin(c: Candidates) -> None:
            improve(kind, c)
            step.begin(c)

        def factor(number: int) -> float:
            there = start is not None and not is_given(problem.priors[0])
            return 1.0 if there else self.penalties.factor_at(number, self.descent.steps)

        return run(
            step,
            problem,
            y,
            rng,
            monitors,
            steps=self.descent.steps,
            restarts=self.starts.distinct(problem, kind),
            keep=self.starts.keep,
            chunk=self.starts.chunk,
            start=start,
            begin=begin,
            finish=self._slackened if self.slack else None,
            factor=factor,
        )

    def _slackened(self, problem: Problem, y: Tensor, w: Tensor, x: Tensor) -> Tensor:
        """The images with their slack."""
        if problem.priors[1].latent_shape == (0,):
            return x
        bounds = problem.priors[1].bounds
        given = problem.operator.given(w=w, x_shape=tuple(x.shape[1:]))
        moved = x + ridge_inverse(given, y - given(x), self.slack)
        return moved.clamp(*bounds) if bounds else moved
