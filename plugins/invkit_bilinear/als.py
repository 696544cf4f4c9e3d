"""``als`` — alternating least squares, every half step by conjugate gradients.

    solver = invkit.solver("als")
    solver = invkit.solver("als", steps=20, restarts=1, weight_x=0.1)

With x fixed the measurement is affine in h, and with w fixed in m, where both priors are affine:

    h ← argmin_h  Σ ω |y − A(B(h), x)|² + λ‖h‖²,        m ← argmin_m  Σ ω |y − A(w, C(m))|² + γ‖m‖²

Each is a linear least-squares problem. It is solved by conjugate gradients on the adjoints of operator and
prior, all candidates in a batch, from the latents of the step before. Small problems are written out and
solved by QR factorisations. The weights ω are those of the noise model. Other than Gaussian noise is met by
weights that follow the residuals (iteratively reweighted least squares).

A step begins a little ahead of the m that the one before came to, by inertia that grows until the objective
rises and then begins anew: many times fewer steps where the plain method converges slowly. ``lm`` needs fewer
still.

Source: D. Mitchell, N. Ye and H. De Sterck, "Nesterov acceleration of alternating least squares for canonical
tensor decomposition", Numer. Linear Algebra Appl. 27(4), 2020 (with restarts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import ge, in_
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import (
    Candidates,
    LinearPart,
    conjugate_gradients,
    is_given,
    is_restarts,
    quadratic_weights,
    require_ridge,
)
from invkit_bilinear.lifted import Lifted
from invkit_bilinear.searching import Searching, per_row
from invkit_bilinear.starts import searched

__all__ = ["ALS"]


@attrs.frozen
class ALS(Solver):
    """Alternating least squares.

    Args:
        steps: steps at most, each a half step in h and one in m.
        restarts: starts for every measurement; the least residual wins. Once one of them explains its
            measurement to rounding, the others are dropped.
        start: ``spectral``, the leading singular pair of the adjoint map and randomised ones beside it;
            ``random``, latents drawn from the priors.
        inner: steps of conjugate gradients of a half step, at most.
        tolerance: a candidate has converged when a step lowers the objective by less than this fraction.
        weight_w, weight_x: λ and γ of the penalties ``‖h‖²`` and ``‖m‖²``.
    """

    steps: int = attrs.field(default=1000, validator=ge(1))
    restarts: int = attrs.field(default=10, validator=is_restarts)
    start: Literal["spectral", "random"] = attrs.field(
        default="spectral", validator=in_(["spectral", "random"])
    )
    inner: int = attrs.field(default=20, validator=ge(1))
    tolerance: float = attrs.field(default=1e-6, validator=ge(0))
    weight_w: float = attrs.field(default=0.0, validator=ge(0))
    weight_x: float = attrs.field(default=0.0, validator=ge(0))

    takes_complex = True

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
            InputError: a prior that is not affine, or a weight of another penalty than ``‖latent‖²``.
        """
        problem = problem.shaped(tuple(y.shape[1:])).weighted(self.weight_w, self.weight_x)
        for prior, name in zip(problem.priors, "wx", strict=True):
            if not prior.affine:
                raise InputError(
                    f"als needs signals that are affine in their latents, "
                    f"but the prior of {name}, {type(prior).__name__}, is not",
                    hint="choose solver=lm, which takes any prior, or a subspace, identity or known prior",
                )
            if getattr(self, f"weight_{name}") and not is_given(prior):
                require_ridge(prior, "als", f"weight_{name}")
        return searched(self, _Search(self), problem, y, rng, monitors, start)


class _Search:
    """The steps of all candidates."""

    def __init__(self, options: ALS) -> None:
        self.options = options

    def begin(self, c: Candidates) -> None:
        """What lasts from step to step."""
        self.searching, self.rows = Searching(c), torch.arange(len(c.y), device=c.y.device)
        self.problem, self.y, self.lifted = c.problem, c.y, Lifted.of(c)
        self.before = c.m
        #: the objective, and steps since the inertia began
        self.cost = c.y.real.new_full((len(c.y),), torch.inf)
        self.age = torch.zeros_like(self.cost)

    def step(self, c: Candidates, number: int) -> None:
        """Both half steps of every candidate that is still searching."""
        self._select(self.searching.rows(c))
        h, before = c.h[self.rows], c.m[self.rows]
        m = before + per_row(self.age / (self.age + 3), before) * (before - self.before)
        with torch.no_grad():
            for which in (0, 1):
                h, m = self._written_out(h, m, which) if self.lifted else self._by_products(h, m, which)
            c.move(c.h.index_copy(0, self.rows, h), c.m.index_copy(0, self.rows, m))
            cost = self._cost(h, m)
        rose = cost > self.cost
        still = ~(self.cost - cost > self.options.tolerance * cost) & ~(rose & (self.age > 0))
        self.age = torch.where(rose, 0.0, self.age + 1)
        self.cost, self.before = cost, before
        self.searching.end(c, self.rows, cost, still)

    def _select(self, rows: Tensor) -> None:
        """Go on with these candidates alone."""
        if len(rows) == len(self.rows):
            return
        keep = torch.isin(self.rows, rows).nonzero()[:, 0]
        self.rows, self.y, self.problem = rows, self.y[keep], self.problem.select(keep)
        self.cost, self.age, self.before = self.cost[keep], self.age[keep], self.before[keep]
        self.lifted = self.lifted and self.lifted.select(keep)

    def _cost(self, h: Tensor, m: Tensor) -> Tensor:
        """The objective."""
        if self.lifted is None:
            return self.problem.measured(self.y)(h, m).total
        return self.lifted.cost(h, m, self.problem.noise, self.y)

    def _written_out(self, h: Tensor, m: Tensor, which: int) -> tuple[Tensor, Tensor]:
        """A half step by a QR factorisation."""
        assert self.lifted is not None
        lifted = self.lifted if self.lifted.swapped == (which == 0) else self.lifted.mirrored()
        outer, inner = lifted.split(h, m)
        noise, root = self.problem.noise, None
        if not noise.plain:
            z = lifted.made(outer, inner).reshape(self.y.shape)
            root = quadratic_weights(noise, z, self.y).sqrt().flatten(1)
        return lifted.joined(outer, lifted.fitted(outer, inner, root).inner)

    def _by_products(self, h: Tensor, m: Tensor, which: int) -> tuple[Tensor, Tensor]:
        """A half step by conjugate gradients."""
        (prior_w, prior_x), operator = self.problem.priors, self.problem.operator
        w, x, latent = prior_w(h), prior_x(m), (h, m)[which]
        if not latent.numel():
            return h, m
        if which == 0:
            given = operator.given(x=x, w_shape=tuple(w.shape[1:]))
        else:
            given = operator.given(w=w, x_shape=tuple(x.shape[1:]))
        linear = given @ LinearPart(self.problem.priors[which], self.y)
        z, noise = operator(w, x), self.problem.noise
        weights = 1.0 if noise.plain else quadratic_weights(noise, z, self.y)
        ridge = self.problem.weights[which]
        ridge = per_row(ridge, latent) if isinstance(ridge, Tensor) else ridge
        change = conjugate_gradients(
            lambda v: linear.adjoint(weights * linear(v)) + ridge * v,
            linear.adjoint(weights * (self.y - z)) - ridge * latent,
            steps=self.options.inner,
            tolerance=torch.finfo(self.y.dtype).eps ** 0.75,
        )
        return (h + change, m) if which == 0 else (h, m + change)
