"""``irgnm`` — the iteratively regularised Gauss–Newton method, on both latents at once.

    A = invkit.diagonal(pattern) @ invkit.linear("dft?centred=true") @ invkit.operator("pointwise")
    solve = invkit.compose(A, w="sobolev?shape=8x180x230", x="identity?shape=1x180x230", solver="irgnm")

With the latents ``u = (h, m)``, the map ``F(u) = A(B(h), C(m))`` and its derivative J at the current ones,
step n = 0, 1, … is

    u ← u + argmin_d  ‖y − F(u) − J d‖² + α_n ‖u + d − u₀‖²,        α_n = alpha · decayⁿ · ‖y‖ / ‖1‖.

The least-squares problem is solved by conjugate gradients. The regularisation draws the latents to where they
began, and it fades: early steps fix what is certain, the number of steps decides how much of the rest is
followed. So priors should have white latents, as ``sobolev`` and ``identity`` do. Penalties have no part.

Everything begins at ``h = 0`` and a constant signal x with the value ``(‖y‖ / ‖1‖)^½``, where ‖1‖ is the norm
of a signal of ones. Thus a measurement of c times the size has signals of √c times the size.

Source: M. Uecker, T. Hohage, K. T. Block and J. Frahm, "Image reconstruction by regularized nonlinear
inversion", Magn. Reson. Med. 60(3), 2008; A. B. Bakushinskii, Comput. Math. Math. Phys. 32(9), 1992.
Deviation: α and the start follow the size of the measurement, which is not scaled to a norm of 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import attrs
import torch
from attrs.validators import ge, gt, le, lt
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Candidates, conjugate_gradients, is_given, run

__all__ = ["IRGNM"]


@attrs.frozen
class IRGNM(Solver):
    """Iteratively regularised Gauss–Newton steps.

    Args:
        steps: Gauss–Newton steps. Fewer regularise more.
        alpha: weight of the regularisation in the first step, relative to ``‖y‖ / ‖1‖``, positive.
        decay: by how much it is multiplied from step to step, above 0 and below 1.
        inner: steps of conjugate gradients in a Gauss–Newton step, at most.
        tolerance: relative residual at which they stop, at least 0.
    """

    takes_complex = True

    steps: int = attrs.field(default=10, validator=ge(1))
    alpha: float = attrs.field(default=1.0, validator=gt(0))
    decay: float = attrs.field(default=0.5, validator=[gt(0), lt(1)])
    inner: int = attrs.field(default=30, validator=ge(1))
    tolerance: float = attrs.field(default=0.1, validator=[ge(0), le(1)])

    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the noise is not Gaussian.
        """
        if not isinstance(problem.noise, Gaussian):
            raise InputError(
                f"irgnm minimises a squared residual, the noise is {type(problem.noise).__name__}",
                hint="use Gaussian noise, with weights or without, or a solver that takes any, e.g. altgd",
            )

        def begin(c: Candidates) -> None:
            c.memory["level"] = _level(c)
            if start is None:
                c.move(*_flat(c))
            c.memory |= {"h": c.h, "m": c.m}

        return run(self._step, problem, y, rng, monitors, steps=self.steps, start=start, begin=begin)

    def _step(self, c: Candidates, number: int) -> None:
        alpha = self.alpha * self.decay**number * c.memory["level"][:, None]
        linear = Linearised(c.problem, c.y, c.h, c.m)
        away = linear.flat(c.memory["h"] - c.h, c.memory["m"] - c.m)
        change = conjugate_gradients(
            lambda d: linear.adjoint(linear(d)) + alpha * d,
            linear.adjoint(linear.residual) + alpha * away,
            steps=self.inner,
            tolerance=self.tolerance,
        )
        h, m = linear.latents(change)
        c.move(c.h + h, c.m + m)


class Linearised:
    """The measurement near a pair of latents: ``z ≈ F(u) + J d``, entries times the root of their weights.

    Changes d are the real coordinates of both latents side by side, ``(n, d)``.
    """

    def __init__(self, problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> None:
        self.problem, self.at = problem, (h.detach(), m.detach())
        weights = problem.noise.weights
        self.root = None if weights is None else weights.to(y.real).sqrt()

        def measured(h: Tensor, m: Tensor) -> Tensor:
            z: Tensor = problem.operator(*problem.signals(h, m))
            return z

        z, self._pullback, *_ = torch.func.vjp(measured, *self.at)
        with torch.no_grad():
            self.w, self.x = problem.signals(*self.at)
        #: ``y − F(u)``
        self.residual = self._weighted((y - z).detach())

    def __call__(self, change: Float[Tensor, "n d"]) -> Inexact[Tensor, "n *y"]:
        """``J d``."""
        with torch.no_grad():
            _, (w, x), *_ = torch.func.jvp(self.problem.signals, self.at, self.latents(change))
            z: Tensor = self.problem.operator(w, self.x) + self.problem.operator(self.w, x)
        return self._weighted(z)

    def adjoint(self, residual: Inexact[Tensor, "n *y"]) -> Float[Tensor, "n d"]:
        """``Jᴴ r``."""
        return self.flat(*self._pullback(self._weighted(residual), retain_graph=True)).detach()

    @staticmethod
    def flat(h: Tensor, m: Tensor) -> Float[Tensor, "n d"]:
        """The real coordinates of both latents."""
        real = [torch.view_as_real(each) if each.is_complex() else each for each in (h, m)]
        return torch.cat([each.flatten(1) for each in real], 1)

    def latents(self, change: Float[Tensor, "n d"]) -> tuple[Tensor, Tensor]:
        """Both latents of their real coordinates."""
        sizes = [prod(each.shape[1:]) * (2 if each.is_complex() else 1) for each in self.at]
        parts = zip(change.split(sizes, 1), self.at, strict=True)
        h, m = (
            torch.view_as_complex(own.reshape(*like.shape, 2))
            if like.is_complex()
            else own.reshape(like.shape)
            for own, like in parts
        )
        return h, m

    def _weighted(self, z: Tensor) -> Tensor:
        return z if self.root is None else z * self.root


def _level(c: Candidates) -> Float[Tensor, "n"]:
    """``‖y‖ / ‖1‖``, with a signal of ones of the shape of x."""
    size = c.y.flatten(1).abs().square().sum(1) / prod(c.problem.priors[1].signal_shape or (1,))
    return size.sqrt().clamp_min(torch.finfo(size.dtype).tiny)


def _flat(c: Candidates) -> tuple[Tensor, Tensor]:
    """``h = 0`` and the latent of a constant x; where the prior of x has no encoder, the latent drawn."""
    prior_w, prior_x = c.problem.priors
    h = c.h if is_given(prior_w) else torch.zeros_like(c.h)
    if not prior_x.can_encode or is_given(prior_x):
        return h, c.m
    ones = c.m.new_ones(len(c.m), *(prior_x.signal_shape or ()))
    value = c.memory["level"].sqrt().reshape(-1, *[1] * (ones.ndim - 1))
    with torch.no_grad():
        return h, prior_x.encode(value * ones)
