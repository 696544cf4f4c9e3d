"""``blindrl``: blind Richardson–Lucy deconvolution, for signals without negative values.

    deblur = invkit.compose("circconv", ["identity?shape=1x15x15", "identity"], "blindrl?steps=200")
    solution = deblur(y)
    invkit.compose("circconv", ["known:kernel.png?normalise=sum", "identity"], "blindrl")    # not blind

Updates ``w`` and ``x`` in turn by :mod:`invkit_baselines.richardson_lucy`; where the prior of ``w`` leaves
nothing to find, ``x`` alone: that is Richardson and Lucy's own method. Neither needs a weight or a step size,
and both fit the noise in the end: the number of steps is all the regularisation there is.

Values of ``y`` below zero, which no count has, are taken as zero; the residual of the solution is that of the
``y`` given. The operator must not make negative values of what has none. The priors give shapes and, that of
``x``, bounds to which every iterate is clipped; pixels are free and penalties have no part, so a prior that
restricts a signal to a range is refused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Bool, Float
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Example, Solver
from invkit_baselines.pixels import empty_latents, is_known, known_signal, require_free_pixels
from invkit_baselines.record import Record
from invkit_baselines.richardson_lucy import divergence, start, unit_sum, updates_for

__all__ = ["BlindRL"]


@attrs.frozen
class BlindRL(Solver):
    """Blind Richardson–Lucy. The objective told is the divergence ``Σ ŷ − y + y log(y/ŷ)``, ``ŷ = A(w, x)``.

    - steps: alternations; each is so many updates of w and of x.
    - w_steps, x_steps: updates of each in an alternation.
    - unit_sum: w is scaled to unit sum after each of its updates.
    - eps: the least that a denominator and a value of x can be, in units of the signal.
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
    ) -> Solution:
        """Recover both signals of every measurement; nothing is drawn from ``rng``.

        Raises:
            InputError: a prior restricts its signal to a range.
        """
        began = time.perf_counter()
        problem = problem.shaped(tuple(y.shape[1:]))
        prior_w, prior_x = problem.priors
        hint = "use the prior identity (of a kernel: identity?shape=1x15x15), or the solver altgd"
        if not is_known(prior_w):
            require_free_pixels("w", prior_w, y, hint, unit_sum=True)
        require_free_pixels("x", prior_x, y, hint)
        with torch.no_grad():
            record = Record(monitors, self.steps, len(y))
            run = Run(self, problem, y)
            interrupted = run.go(record)
            values = run.values()
            latent_w = empty_latents(prior_w, y) if is_known(prior_w) else prior_w.encode(run.w)
            latents = (latent_w, prior_x.encode(run.x))
        ended = Status.INTERRUPTED if interrupted else Status.MAX_ITER
        sound = (run.sound & torch.isfinite(values[0])).tolist()
        status = tuple(ended if each else Status.DIVERGED for each in sound)
        solution = record.solution(run.x, run.w, latents, values, status, time.perf_counter() - began)
        record.end(solution)
        return solution

    def examples(self, seed: int) -> Sequence[Example]:
        """Signals without negative values, both free and with ``w`` known."""
        from invkit_baselines.examples import positive

        return positive(seed)


class Run:
    """Both signals of all measurements under way."""

    w: Float[Tensor, "n *w"]
    x: Float[Tensor, "n *x"]

    def __init__(self, options: BlindRL, problem: Problem, y: Tensor) -> None:
        self.options, self.given, self.y = options, y, y.clamp_min(0)
        prior_w, prior_x = problem.priors
        self.known, self.bounds = is_known(prior_w), prior_x.bounds
        shapes = _shape(prior_w.signal_shape), _shape(prior_x.signal_shape)
        self.updates = updates_for(problem.operator, self.y, *shapes, options.eps)
        self.w, x = start(problem.operator, self.y, *shapes)
        self.w = known_signal(prior_w, y) if self.known else self.w
        self.x = self._bounded(x.clamp_min(options.eps))
        #: whether all values have been finite; where they no longer are, the last finite ones stay
        self.sound: Bool[Tensor, "n"] = torch.ones(len(y), dtype=torch.bool, device=y.device)

    def go(self, record: Record) -> bool:
        """Alternate to the end; True where Ctrl-C ended it before."""
        try:
            for step in range(1, self.options.steps + 1):
                self._alternate()
                if record.due(step):
                    objective, residual = self.values()
                    record.tell(step, objective[:, None], residual[:, None], lambda: (self.w, self.x))
        except KeyboardInterrupt:
            return True
        return False

    def values(self) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Divergence (NaN where it is not finite) and squared residual of every measurement."""
        measured = self.updates.measured(self.w, self.x)
        objective = divergence(self.y, measured, self.options.eps)
        residual = (self.given - measured).flatten(1).square().sum(1)
        return torch.where(torch.isfinite(objective), objective, torch.nan), residual

    def _alternate(self) -> None:
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


def _each(mask: Bool[Tensor, "n"], signal: Tensor) -> Tensor:
    """One truth value a measurement, shaped to choose among signals."""
    return mask.reshape(-1, *[1] * (signal.ndim - 1))


def _shape(shape: Shape | None) -> Shape:
    assert shape is not None, "a shaped prior has a shape"
    return shape
