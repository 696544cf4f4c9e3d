"""Total variation by the ADMM for any linear operator: conjugate gradients in place of a division in the DFT.

    engine = GradientTV(operator, y, gamma, palette, joint=True, jump=0.05, bounds=None, inner=5)
    engine.begin(first)
    for _ in range(200):
        engine.step()
    engine.x                                 # argmin ½‖y − A x‖² + γ·TV(x)

With ``z = P x`` the colours of x (:mod:`.colours`), ``d`` stands for ``D z`` and, where values are bounded,
``q`` for ``x``; ``b`` and ``c`` are the scaled multipliers:

    x ← argmin ½‖y − A x‖² + (β/2)‖D z − d + b‖² + (β/2)‖x − q + c‖²
    d ← shrink(D z + b, γ/β),    b ← b + D z − d
    q ← clip(x + c),             c ← c + x − q

The equation in x is solved by a few steps of conjugate gradients from the last x. As the ADMM goes on, its x
is ever closer to the next one, so few steps do. β changes how fast it converges, not where to. Source:
Goldstein and Osher, "The split Bregman method for L1-regularized problems", SIAM J. Imaging Sci. 2(2), 2009;
Afonso, Bioucas-Dias and Figueiredo, "Fast image recovery using variable splitting and constrained
optimization", IEEE TIP 19(9), 2010.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.solving import conjugate_gradients
from invkit_baselines.colours import Palette, recoloured
from invkit_baselines.differences import differences, differences_adjoint, shrink


class GradientTV:
    """The iteration for a batch of measurements.

    Args:
        operator: A, one row a measurement.
        y: the measurements.
        gamma: γ of each.
        palette: P.
        joint: whether a pixel's vector is of all channels.
        jump: γ/β, by how much differences are shrunk in an iteration.
        bounds: of the values of x.
        inner: steps of conjugate gradients.
    """

    def __init__(
        self,
        operator: LinearOperator,
        y: Inexact[Tensor, "n *y"],
        gamma: Float[Tensor, "n"],
        palette: Palette,
        *,
        joint: bool,
        jump: float,
        bounds: tuple[float, float] | None,
        inner: int,
    ) -> None:
        self.operator, self.palette, self.bounds, self.inner = operator, palette, bounds, inner
        self.joint, self.jump = joint, jump
        self.beta = (gamma / jump).reshape(-1, *[1] * len(operator.input_shape))
        self.fixed = operator.adjoint(y)
        self.metric = palette.matrix.T @ palette.matrix

    def begin(self, first: Inexact[Tensor, "n c *x"]) -> None:
        """Start from x, with multipliers of zero."""
        self._x = first
        self.d = differences(self._coloured(first))
        self.b = torch.zeros_like(self.d)
        self.q: Tensor | None = first if self.bounds else None
        self.c: Tensor | None = torch.zeros_like(first) if self.bounds else None

    def take(self, other: GradientTV, rows: Int[Tensor, "k"]) -> None:
        """Go on from where these measurements of another iteration stand."""
        self._x, self.d, self.b = other._x[rows], other.d[rows], other.b[rows]
        self.q = None if other.q is None else other.q[rows]
        self.c = None if other.c is None else other.c[rows]

    @property
    def x(self) -> Inexact[Tensor, "n c *x"]:
        """The signal so far: the one within the bounds, where there are any."""
        return self._x if self.q is None else self.q

    def step(self) -> None:
        """One iteration."""
        right = self.fixed + self.beta * self._uncoloured(differences_adjoint(self.d - self.b))
        if self.q is not None and self.c is not None:
            right = right + self.beta * (self.q - self.c)
        self._x = conjugate_gradients(self._normal, right, self._x, steps=self.inner)
        moved = differences(self._coloured(self._x)) + self.b
        self.d = shrink(moved, self.jump, "joint" if self.joint else "separate")
        self.b = moved - self.d
        if self.bounds and self.c is not None:
            lifted = self._x + self.c
            self.q = lifted.clamp(*self.bounds)
            self.c = lifted - self.q

    def _normal(self, x: Tensor) -> Tensor:
        """``(AᵀA + β PᵀDᵀDP + β) x``, the last only where values are bounded."""
        smooth = differences_adjoint(differences(x))
        smooth = smooth if self.palette.plain else recoloured(smooth, self.metric)
        return self.operator.normal(x) + self.beta * (smooth + x if self.bounds else smooth)

    def _coloured(self, x: Tensor) -> Tensor:
        return x if self.palette.plain else recoloured(x, self.palette.matrix)

    def _uncoloured(self, z: Tensor) -> Tensor:
        return z if self.palette.plain else recoloured(z, self.palette.matrix.T)
