"""``lm`` — Levenberg–Marquardt on the latents, one of them eliminated (variable projection).

    solver = invkit.solver("lm")
    solver = invkit.solver("lm", restarts=60)               # near the limit of what can be recovered
    solver = invkit.solver("lm", restarts=1, weight_w=1.0)  # large problems, with a penalty

Where the prior of x is affine, the best m for every h has a closed form, and what is minimised is

    φ(h) = min_m  Σ ω |y − A(B(h), C(m))|² + λ‖h‖² + γ‖m‖²

by damped Gauss–Newton steps in h. This converges from far more starts than steps of both latents together do,
and where the data fit exactly it ends at the rounding error after a few steps. Of two affine priors the one
with more numbers is eliminated. Where neither is affine, both latents move.

Small problems with two affine priors are written out as a tensor and solved by QR factorisations of all
candidates together, all others by products with the Jacobian and conjugate gradients. Both take the same
steps.

The weights ω are those of the noise model. Other than Gaussian noise is met by weights that follow the
residuals (iteratively reweighted least squares).

Sources: G. Golub and V. Pereyra, SIAM J. Numer. Anal. 10(2), 1973; L. Kaufman, BIT 15(1), 1975 (the projected
Jacobian); H. B. Nielsen, report IMM-REP-1999-05 (the damping); J. H. Hong and A. Fitzgibbon, "Secrets of
matrix factorization", ICCV 2015 (that it is the elimination that finds the global minimum).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt, in_
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.solving import Candidates, is_given, is_restarts, quadratic_weights, require_ridge
from invkit_bilinear.lifted import Lifted
from invkit_bilinear.matrixfree import MatrixFree
from invkit_bilinear.projection import Fitted, Projection
from invkit_bilinear.searching import Searching, per_row
from invkit_bilinear.starts import searched

__all__ = ["LM"]

#: the range of the damping
_LEAST, _MOST = 1e-15, 1e15


@attrs.frozen
class LM(Solver):
    """Levenberg–Marquardt with variable projection.

    Args:
        steps: steps at most.
        restarts: starts for every measurement; the least residual wins. Once one of them explains its
            measurement to rounding, the others are dropped.
        start: ``spectral``, the leading singular pair of the adjoint map and randomised ones beside it, where
            both priors are affine, else as drawn; ``random``, latents drawn from the priors.
        damping: damping at first, relative to the mean diagonal of the normal equations.
        tolerance: a candidate has converged when a step promises to lower the objective by less than this
            fraction.
        inner: steps of conjugate gradients at most, where the problem is not written out.
        weight_w, weight_x: λ and γ of the penalties ``‖h‖²`` and ``‖m‖²``.
    """

    steps: int = attrs.field(default=100, validator=ge(1))
    restarts: int = attrs.field(default=20, validator=is_restarts)
    start: Literal["spectral", "random"] = attrs.field(
        default="spectral", validator=in_(["spectral", "random"])
    )
    damping: float = attrs.field(default=1e-2, validator=gt(0))
    tolerance: float = attrs.field(default=1e-8, validator=ge(0))
    inner: int = attrs.field(default=50, validator=ge(1))
    weight_w: float = attrs.field(default=0.0, validator=ge(0))
    weight_x: float = attrs.field(default=0.0, validator=ge(0))

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
        problem = problem.shaped(tuple(y.shape[1:])).weighted(self.weight_w, self.weight_x)
        for prior, name in zip(problem.priors, ("weight_w", "weight_x"), strict=True):
            if getattr(self, name) and not prior.ties and not is_given(prior):
                require_ridge(prior, "lm", name)
        return searched(self, _Search(self), problem, y, rng, monitors, start)


class _Search:
    """The steps of all candidates."""

    def __init__(self, options: LM) -> None:
        self.options = options

    def begin(self, c: Candidates) -> None:
        """What lasts from step to step."""
        self.algebra: Projection = Lifted.of(c) or MatrixFree.of(c, self.options.inner)
        self.searching, self.rows = Searching(c), torch.arange(len(c.y), device=c.y.device)
        self.noise, self.y = c.problem.noise, c.y
        self.damping = c.y.real.new_full((len(c.y),), self.options.damping)
        self.growth = torch.full_like(self.damping, 2.0)
        self.cost = torch.full_like(self.damping, torch.inf)
        self.fitted: Fitted | None = None

    def step(self, c: Candidates, number: int) -> None:
        """One step of every candidate that is still searching."""
        self._select(self.searching.rows(c))
        algebra, rows = self.algebra, self.rows
        outer, inner = algebra.split(c.h[rows], c.m[rows])
        root = None if self.noise.plain else self._root(algebra.made(outer, inner))
        if algebra.homogeneous and self.fitted is None:
            outer = outer / per_row(outer.flatten(1).norm(dim=1), outer)
        now = self.fitted if self.noise.plain else None
        now = algebra.fitted(outer, inner, root) if now is None else now
        move = algebra.step(outer, now, root, self.damping)
        then = algebra.fitted(outer + move.delta, now.inner, root)
        # From a fit to rounding, steps would follow nothing but rounding, however far.
        better = (then.cost < now.cost) & ~self.searching.exact(rows, now.cost)
        gain = (now.cost - then.cost) / move.promised
        shrink = (1 - (2 * gain - 1) ** 3).clamp_min(1 / 3)
        stuck = self.damping >= _MOST
        self.damping = torch.where(better, shrink, self.growth) * self.damping
        self.damping = self.damping.clamp(_LEAST, _MOST)
        self.growth = torch.where(better, 2.0, 2 * self.growth)
        self.fitted = now = then.where(better, now)
        outer = torch.where(per_row(better, outer), outer + move.delta, outer)
        h, m = algebra.joined(outer, now.inner)
        c.move(c.h.index_copy(0, rows, h), c.m.index_copy(0, rows, m))
        still = ~(move.promised > self.options.tolerance * now.cost) | stuck
        if not self.noise.plain:  # the weights of the next step are others, as long as its cost changes
            made = algebra.made(outer, now.inner).reshape(self.y.shape)
            before, self.cost = self.cost, self.noise(made, self.y)
            still = still & ~((before - self.cost).abs() > self.options.tolerance * self.cost)
        self.searching.end(c, rows, now.cost, still)

    def _select(self, rows: Tensor) -> None:
        """Go on with these candidates alone."""
        if len(rows) == len(self.rows):
            return
        keep = torch.isin(self.rows, rows).nonzero()[:, 0]
        self.algebra, self.noise = self.algebra.select(keep), self.noise.select(keep)
        self.rows, self.y = rows, self.y[keep]
        self.damping, self.growth, self.cost = self.damping[keep], self.growth[keep], self.cost[keep]
        self.fitted = None if self.fitted is None else self.fitted.select(keep)

    def _root(self, z: Tensor) -> Tensor:
        """√ω of every measured entry, by the noise model."""
        return quadratic_weights(self.noise, z.reshape(self.y.shape), self.y).sqrt().flatten(1)
