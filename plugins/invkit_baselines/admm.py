"""Total variation by splitting: the ADMM (split Bregman) iteration for a batch of measurements.

    state = State.at(x, boxed=False)
    step = splitting_step(quadratic, weight=2e-3, beta=0.04, rho=0.0, colour="joint", bounds=None)
    for _ in range(200):
        state = step(state)
    state.signal                             # argmin ½‖y − A x‖² + γ·TV(x)

``d`` stands for ``D x`` and, where values are bounded, ``z`` for ``x``; ``b`` and ``u`` are the scaled
multipliers:

    x ← argmin ½‖y − A x‖² + (β/2)‖D x − d + b‖² + (ρ/2)‖x − z + u‖²
    d ← shrink(D x + b, γ/β),    b ← b + D x − d
    z ← clip(x + u),             u ← u + x − z

β and ρ change how fast it converges, not where to. Source: Goldstein and Osher, "The split Bregman method for
L1-regularized problems", SIAM J. Imaging Sci. 2(2), 2009; Afonso, Bioucas-Dias and Figueiredo, "Fast image
recovery using variable splitting and constrained optimization", IEEE TIP 19(9), 2010.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit_baselines.differences import Colour, differences, differences_adjoint, shrink
from invkit_baselines.normal import QuadraticStep


@attrs.frozen(eq=False)
class State:
    """Where the iteration stands: ``z`` and ``u`` are None where values are not bounded."""

    x: Float[Tensor, "n c *dims"]
    d: Float[Tensor, "n axes c *dims"]
    b: Float[Tensor, "n axes c *dims"]
    z: Float[Tensor, "n c *dims"] | None
    u: Float[Tensor, "n c *dims"] | None

    @classmethod
    def at(cls, x: Float[Tensor, "n c *dims"], *, boxed: bool) -> State:
        """A start from ``x``, with multipliers of zero."""
        d = differences(x)
        return cls(x, d, torch.zeros_like(d), x if boxed else None, torch.zeros_like(x) if boxed else None)

    @property
    def signal(self) -> Float[Tensor, "n c *dims"]:
        """The solution so far: the one within the bounds, where there are any."""
        return self.x if self.z is None else self.z

    def select(self, index: Tensor) -> State:
        """The state of the measurements ``index`` alone."""
        fields = (self.x, self.d, self.b, self.z, self.u)
        return State(*(None if each is None else each[index] for each in fields))  # type: ignore[arg-type]


def splitting_step(
    quadratic: QuadraticStep,
    *,
    weight: float,
    beta: float,
    rho: float,
    colour: Colour,
    bounds: tuple[float, float] | None,
) -> Callable[[State], State]:
    """One iteration, a function of the state."""

    def step(state: State) -> State:
        rhs = beta * differences_adjoint(state.d - state.b)
        if state.z is not None and state.u is not None:
            rhs = rhs + rho * (state.z - state.u)
        x = quadratic(state.x, rhs)
        moved = differences(x) + state.b
        d = shrink(moved, weight / beta, colour)
        if state.u is None or bounds is None:
            return State(x, d, moved - d, None, None)
        lifted = x + state.u
        z = lifted.clamp(*bounds)
        return State(x, d, moved - d, z, lifted - z)

    return step
