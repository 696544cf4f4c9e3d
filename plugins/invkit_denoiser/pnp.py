"""``pnp``: plug-and-play, a denoiser in the place of a penalty.

    kernel, prior = "known:kernel.png?normalise=sum", "denoiser:photographs-grey"
    deblur = invkit.compose("linconv?boundary=unknown", [kernel, prior], "pnp")
    solution = deblur(y)

For the ``w`` of a prior that leaves nothing to find it alternates, for k = 1 … K,

    x ← argmin ‖y − A(w, x)‖²/σ² + λ ‖x − z‖²/s_k²        (conjugate gradients from z)
    z ← D(x, s_k)                                          the prior's denoiser at the level s_k

with levels that fall from ``first`` to the noise of y along a geometric row, and λ that of the second source.
The last z, within the bounds of the prior, is the result. That is half-quadratic splitting, which needs no
more than the denoiser. There is no objective to tell.

What lies beyond the border counts as unknown where the operator says so
(:meth:`~invkit.contracts.bilinear.BilinearOperator.beyond`): the larger scene is recovered.

Source: K. Zhang, W. Zuo, S. Gu, L. Zhang, "Learning deep CNN denoiser prior for image restoration", CVPR
2017; K. Zhang and others, "Plug-and-play image restoration with deep denoiser prior", IEEE Trans. Pattern
Analysis and Machine Intelligence 44(10), 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.bilinear import Scene
from invkit.contracts.denoiser import Denoiser
from invkit.contracts.linear import LinearOperator
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import (
    Found,
    Record,
    conjugate_gradients,
    given_signals,
    is_given,
    noise_level,
    weighted,
)

__all__ = ["PlugAndPlay"]

LEAST_SIGMA = 0.004
"""The least noise that counts: real blurs are no exact convolutions."""
_MOST = 1e6


@attrs.frozen
class PlugAndPlay(Solver):
    """Plug-and-play by half-quadratic splitting, for a given ``w``.

    Args:
        steps: K, rounds of data step and denoiser.
        first: the level of the first round, for images in [0, 1].
        weight: λ, how much the denoiser counts beside the measurement.
        inner: steps of conjugate gradients in a round.
    """

    steps: int = attrs.field(default=12, validator=ge(1))
    first: float = attrs.field(default=0.19, validator=gt(0))
    weight: float = attrs.field(default=0.23, validator=gt(0))
    inner: int = attrs.field(default=20, validator=ge(1))

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
                'solver=["kernelsearch", "pnp x=denoiser:photographs-grey hold=w"]',
            )
        if not isinstance(prior_x, Denoiser):
            raise InputError(
                "pnp needs a prior of x that takes noise off",
                hint="choose denoiser:photographs-grey, or wrap a network of yours: invkit.denoiser(network)",
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
        operator = problem.operator
        scene = operator.beyond(tuple(w.shape[1:]), x_shape)
        scene = Scene(operator, x_shape, (0,) * (len(x_shape) - 1)) if scene is None else scene
        linear, seen = weighted(scene.operator.given(w=w, x_shape=scene.x_shape), y, problem.noise)
        level = max(sigma, LEAST_SIGMA)
        last = min(level, self.first)
        with torch.no_grad():
            fixed = linear.adjoint(seen)
            z = _spread(linear, fixed)
        nothing = y.new_full((1, 1), torch.nan)
        with record:
            for step in range(1, self.steps + 1):
                if record.interrupted:
                    break
                s = self.first * (last / self.first) ** ((step - 1) / max(self.steps - 1, 1))
                with torch.no_grad():
                    x = self._data_step(linear, fixed, z, self.weight * min(level / s, _MOST) ** 2)
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
        self, linear: LinearOperator, fixed: Tensor, z: Float[Tensor, "1 c *x"], weight: float
    ) -> Float[Tensor, "1 c *x"]:
        """``argmin ‖y − A x‖² + weight ‖x − z‖²``."""

        def normal(x: Tensor) -> Tensor:
            return linear.normal(x) + weight * x

        return conjugate_gradients(normal, fixed + weight * z, z, steps=self.inner)


def _spread(linear: LinearOperator, fixed: Float[Tensor, "1 c *x"]) -> Float[Tensor, "1 c *x"]:
    """A first image: ``Aᴴy``, divided by what ``AᴴA`` makes of ones."""
    weight = linear.normal(torch.ones_like(fixed))
    return fixed / weight.clamp(min=0.05 * float(weight.max()))
