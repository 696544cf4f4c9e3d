"""``blindrl``: blind Richardson–Lucy deconvolution, for signals without negative values.

    deblur = invkit.compose("circconv", ["identity?shape=1x15x15", "identity"], "blindrl?steps=200")
    solution = deblur(y)
    invkit.compose("circconv", ["known:kernel.png?normalise=sum", "identity"], "blindrl")    # not blind

Updates ``w`` and ``x`` in turn by :mod:`invkit_baselines.richardson_lucy`; where the prior of ``w`` leaves
nothing to find, ``x`` alone: that is Richardson and Lucy's own method. Neither needs a weight or a step size,
and both fit the noise in the end: the number of steps is all the regularisation there is.

The method maximises the likelihood of Poisson noise, also where the noise model is Gaussian (the default).
Entries of y have the weights of the noise model. Any other noise is refused.

Values of ``y`` below zero, which no count has, are taken as zero; the residual of the solution is that of the
``y`` given. The operator must not make negative values of what has none. The priors give shapes and, that of
``x``, bounds to which every iterate is clipped; pixels are free and penalties have no part, so a prior that
restricts a signal to a range is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Bool, Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian, Noise
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given
from invkit_baselines.pixels import require_free_pixels
from invkit_baselines.richardson_lucy import begin, divergence, unit_sum, updates_for

__all__ = ["BlindRL"]


@attrs.frozen
class BlindRL(Solver):
    """Blind Richardson–Lucy. The objective told is the divergence ``Σ ŷ − y + y log(y/ŷ)``, ``ŷ = A(w, x)``.

    Args:
        steps: alternations; each is ``w_steps`` updates of w and ``x_steps`` of x.
        w_steps, x_steps: updates of each in an alternation.
        unit_sum: w is scaled to unit sum after each of its updates.
        eps: the least that a denominator and a value of x can be, in units of the signal.
    """

    steps: int = attrs.field(default=100, validator=ge(1))
    w_steps: int = attrs.field(default=1, validator=ge(1))
    x_steps: int = attrs.field(default=1, validator=ge(1))
    unit_sum: bool = True
    eps: float = attrs.field(default=1e-8, validator=gt(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; nothing is drawn from ``rng``. Starts from ``start``'s
        signals.

        Raises:
            InputError: a prior restricts its signal to a range, the noise is neither Poisson nor Gaussian, or
                ``start`` has no ``w``.
        """
        problem, y = problem.bound(y)
        prior_w, prior_x = problem.priors
        hint = "use the prior identity (of a kernel: identity?shape=1x15x15), or the solver altgd"
        if not is_given(prior_w):
            require_free_pixels("w", prior_w, y, hint, unit_sum=True)
        require_free_pixels("x", prior_x, y, hint)
        if not (isinstance(problem.noise, Gaussian) or counts(problem.noise, y)):
            raise InputError(
                f"blindrl maximises the likelihood of Poisson noise, the noise is "
                f"{type(problem.noise).__name__}",
                hint="use noise=poisson or noise=gaussian, or a solver that takes any noise, e.g. altgd",
            )
        record = Record(y, monitors, steps=self.steps, points=25)
        with torch.no_grad():
            updating = Updating(self, problem, y, start)
            with record:
                for step in range(1, self.steps + 1):
                    updating.alternate()
                    if record.due(step):
                        record.tell(step, *updating.values(), lambda: (updating.w, updating.x))
            w, x, (objective, data) = updating.w, updating.x, updating.values()
            sound = (updating.sound & torch.isfinite(objective[:, 0])).tolist()
            record.settle(objective, data, [[record.ended(fine)] for fine in sound])
            h = y.new_zeros(len(y), *(prior_w.latent_shape or ())) if updating.known else prior_w.encode(w)
            residual = problem.residual(w, x, y)
            record.end(Found(x=x, w=w, latents=(h, prior_x.encode(x)), residual=residual))
        return record.solution()


def counts(noise: Noise, y: Float[Tensor, "n *y"]) -> bool:
    """Whether noise is that of counts: its cost has the slope ``1 − y/z``, up to a factor."""
    y = y[:1].clamp_min(0)
    y = y / y.mean().clamp_min(torch.finfo(y.dtype).tiny)
    noise = noise.select(torch.zeros(1, dtype=torch.long, device=y.device))
    slope = noise.slope(y + 1, y)
    weights = torch.ones_like(y) if noise.weights is None else noise.weights.to(y).expand_as(y)
    ratio = (slope / (weights / (1 + y)))[weights > 0]
    return bool(torch.allclose(ratio, ratio[:1].expand_as(ratio), rtol=1e-3))


class Updating:
    """Both signals of all measurements under way."""

    w: Float[Tensor, "n *w"]
    x: Float[Tensor, "n *x"]

    def __init__(self, options: BlindRL, problem: Problem, y: Tensor, start: Solution | None) -> None:
        self.options, self.problem, self.given, self.y = options, problem, y, y.clamp_min(0)
        prior_w, prior_x = problem.priors
        self.known, self.bounds = is_given(prior_w), prior_x.bounds
        shapes = tuple(prior_w.signal_shape or ()), tuple(prior_x.signal_shape or ())
        self.weights = problem.noise.weights
        if self.weights is not None:
            self.weights = self.weights.to(y)
            self.y = _filled(self.y, self.weights)
        self.updates = updates_for(problem.operator, self.y, *shapes, options.eps, self.weights)
        w, x = begin(problem.operator, self.y, *shapes) if start is None else (start.w, start.x)
        if not self.known and w is None:
            raise InputError(
                "the solution to start from has no w", hint="start from one that has, or leave start out"
            )
        self.w = given_signals(prior_w, y) if self.known else w.clamp_min(0)
        self.x = self._bounded(x.clamp_min(options.eps))
        #: whether all values have been finite; where they no longer are, the last finite ones stay
        self.sound: Bool[Tensor, "n"] = torch.ones(len(y), dtype=torch.bool, device=y.device)

    def values(self) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
        """Divergence (NaN where it is not finite) and data term of every measurement."""
        measured = self.updates.measured(self.w, self.x)
        objective = divergence(self.y, measured, self.options.eps, self.weights)
        objective = objective.where(torch.isfinite(objective), torch.nan)
        return objective[:, None], self.problem.noise(measured, self.given)[:, None]

    def alternate(self) -> None:
        """Update w, then x."""
        options, w, x = self.options, self.w, self.x
        for _ in range(0 if self.known else options.w_steps):
            w = self.updates.w(w, x)
            w = unit_sum(w, options.eps) if options.unit_sum else w
        for _ in range(options.x_steps):
            x = self._bounded(self.updates.x(w, x))
        finite = torch.isfinite(w.flatten(1).sum(1) + x.flatten(1).sum(1))
        self.sound = self.sound & finite
        if not bool(self.sound.all()):
            w = torch.where(_each(self.sound, w), w, self.w)
            x = torch.where(_each(self.sound, x), x, self.x)
        self.w, self.x = w, x

    def _bounded(self, x: Tensor) -> Tensor:
        return x.clamp(*self.bounds) if self.bounds else x


def _filled(y: Float[Tensor, "n *y"], weights: Float[Tensor, "n *y"]) -> Float[Tensor, "n *y"]:
    """The measurement with the mean of the measured entries where nothing was measured."""
    seen = weights > 0
    total = y.where(seen, 0.0).flatten(1).sum(1) / seen.flatten(1).sum(1).clamp_min(1)
    return y.where(seen, _each(total, y))


def _each(values: Tensor, signal: Tensor) -> Tensor:
    """One value a measurement, shaped to go with signals."""
    return values.reshape(-1, *[1] * (signal.ndim - 1))
