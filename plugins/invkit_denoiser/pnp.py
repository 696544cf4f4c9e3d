"""``pnp``: plug-and-play, a denoiser in the place of a penalty.

    kernel, prior = "known:kernel.png?normalise=sum", "denoiser:photographs"
    deblur = invkit.compose("linconv?boundary=unknown", [kernel, prior], "pnp")
    solution = deblur(y)

For the ``w`` of a prior that leaves nothing to find it alternates, for k = 1 … K,

    x ← argmin ‖y − A(w, x)‖²/σ² + λ ‖x − z‖²/s_k²        (:mod:`invkit_denoiser.data_step`)
    z ← D(x, s_k)                                          the prior's denoiser at the level s_k

with levels that fall from ``first`` to the noise of y along a geometric row, and λ that of the second source.
The last z, within the bounds of the prior, is the result. That is half-quadratic splitting, which needs no
more than the denoiser. There is no objective to tell.

The noise's σ is that of the noise model, else it is estimated (:func:`invkit.solving.noise_level`). It is at
least 0.004, since real blurs are no exact convolutions.

What lies beyond the border counts as unknown where the operator says so
(:meth:`~invkit.contracts.bilinear.BilinearOperator.beyond`): the larger scene is recovered. Pixels at a
measurement's largest value, where at least 1 in 5000 have it, are saturated: they say "at least that".

Source: K. Zhang, W. Zuo, S. Gu, L. Zhang, "Learning deep CNN denoiser prior for image restoration", CVPR
2017; K. Zhang and others, "Plug-and-play image restoration with deep denoiser prior", IEEE Trans. Pattern
Analysis and Machine Intelligence 44(10), 2022. Deviations: unknown borders, saturated pixels, and a lower
first level.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Bool, Float
from torch import Tensor

from invkit.contracts.bilinear import Scene
from invkit.contracts.denoiser import Denoiser
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given, noise_level, weighted
from invkit_denoiser.data_step import ByDivision, ByGradients, DataStep

__all__ = ["PlugAndPlay"]

LEAST_SIGMA = 0.004
"""The least noise that counts: real blurs are no exact convolutions."""
_MOST = 1e6
_PLATEAU = 2e-4
"""The fraction of a measurement's entries that makes its largest value a plateau, at least 4 of them."""


@attrs.frozen
class PlugAndPlay(Solver):
    """Plug-and-play by half-quadratic splitting, for a given ``w``.

    Args:
        steps: K, rounds of data step and denoiser.
        first: the level of the first round, for images in [0, 1].
        weight: λ, how much the denoiser counts beside the measurement.
    """

    steps: int = attrs.field(default=12, validator=ge(1))
    first: float = attrs.field(default=0.19, validator=gt(0))
    weight: float = attrs.field(default=0.23, validator=gt(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover every measurement's ``x``. Nothing is drawn from ``rng``; ``start`` gives w alone.

        Raises:
            InputError: ``w`` is not given, the prior of ``x`` is no denoiser, or the noise is not Gaussian.
        """
        problem, y = problem.bound(y)
        prior_w, prior_x = problem.priors
        if not is_given(prior_w):
            raise InputError(
                "pnp is not blind: it needs a prior of w that leaves nothing to find",
                hint="give the kernel: known:kernel.png?normalise=sum, or let a blind stage find it first: "
                'solver=["kernelsearch", "pnp x=denoiser:photographs hold=w"]',
            )
        if not isinstance(prior_x, Denoiser):
            raise InputError(
                "pnp needs a prior of x that takes noise off",
                hint="choose denoiser:photographs, or wrap a network of yours: invkit.denoiser(network)",
            )
        if not isinstance(problem.noise, Gaussian):
            raise InputError(
                f"pnp minimises a squared residual, the noise is {type(problem.noise).__name__}",
                hint="use Gaussian noise, with weights or without, or a solver that takes any, e.g. altgd",
            )
        x_shape = tuple(prior_x.signal_shape or ())
        w = given_signals(prior_w, y)
        record = Record(
            y, monitors, steps=self.steps, passes=len(y), waiting=lambda: (w, y.new_zeros(len(y), *x_shape))
        )
        sigma = problem.noise.sigma
        level = noise_level(y) if sigma is None else sigma.to(y).expand(len(y))
        for row in torch.arange(len(y), device=y.device).split(1):
            record.begin(row)
            self._recover(record, problem.select(row), prior_x, y[row], w[row], float(level[row]))
        return record.solution()

    def _recover(
        self,
        record: Record,
        problem: Problem,
        prior: Denoiser,
        y: Float[Tensor, "1 *y"],
        w: Float[Tensor, "1 *w"],
        sigma: float,
    ) -> None:
        """One measurement."""
        x_shape = tuple(prior.signal_shape or ())
        with torch.no_grad():
            data, scene = _data_step(problem, y, w, x_shape)
        level = max(sigma, LEAST_SIGMA)
        last = min(level, self.first)
        z, nothing = data.first(), y.new_full((1, 1), torch.nan)
        with record:
            for step in range(1, self.steps + 1):
                if record.interrupted:
                    break
                s = self.first * (last / self.first) ** ((step - 1) / max(self.steps - 1, 1))
                with torch.no_grad():
                    x = data(z, self.weight * min(level / s, _MOST) ** 2)
                    z = prior.denoise(x, x.new_tensor([s]))
                record.tell(step, nothing, nothing, lambda: (w, scene.part(z, x_shape)))  # noqa: B023
        low, high = prior.bounds
        x = scene.part(z, x_shape).clamp(low, high)
        with torch.no_grad():
            residual = problem.residual(w, x, y)
        sound = bool(torch.isfinite(x).all())
        ended = record.ended(sound)
        done = Status.CONVERGED if ended is Status.MAX_ITER else ended
        record.settle(residual[:, None], residual[:, None], [[done]])
        latents = (x.new_zeros(1, *(problem.priors[0].latent_shape or ())), prior.encode(x))
        record.end(Found(x=x, w=w, latents=latents, residual=residual, noise=y.new_tensor([sigma])))


def _data_step(
    problem: Problem, y: Float[Tensor, "1 *y"], w: Float[Tensor, "1 *w"], x_shape: tuple[int, ...]
) -> tuple[DataStep, Scene]:
    """How the measurement is met, and what part of the image that is recovered is x."""
    operator, y_shape = problem.operator, tuple(y.shape[1:])
    if prod(operator.pieces(w, y_shape)) == 1:
        operator, w = operator.local(w, y_shape, tuple(slice(0, length) for length in y_shape[1:]))
    scene = operator.beyond(tuple(w.shape[1:]), x_shape)
    scene = Scene(operator, x_shape, (0,) * (len(x_shape) - 1)) if scene is None else scene
    linear = scene.operator.given(w=w, x_shape=scene.x_shape)
    window = linear.window()
    if window is None or window.beyond == "zero":
        return ByGradients(*weighted(linear, y, problem.noise)), scene
    return ByDivision(window, scene.x_shape, y, problem.noise.weights, _saturated(y)), scene


def _saturated(y: Float[Tensor, "1 *y"]) -> Bool[Tensor, "1 *y"] | None:
    """The entries at the largest value, where enough have it; else None."""
    top = y == y.amax()
    return top if int(top.sum()) >= max(4, _PLATEAU * y.numel()) else None
