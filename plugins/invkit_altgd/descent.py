"""One step of the descent of all candidates, and how its length changes from step to step.

    step = Step(Descent(steps=800, rate=0.1))
    step.begin(candidates)
    step(candidates, 0)

Everything is elementwise or reduced over one candidate's own latent, so no candidate's path depends on
another's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
from attrs.validators import ge, gt, in_
from jaxtyping import Inexact
from torch import Tensor

from invkit.solving import Adam, Candidates, is_given

Update = Literal["adam", "gradient", "normalised"]
Order = Literal["jacobi", "gauss-seidel"]
Decay = Literal["constant", "exponential", "cosine"]


@attrs.frozen
class Descent:
    """How candidates move.

    Args:
        steps: steps of a winning candidate, in all.
        update: adam; gradient, the gradient itself; normalised, divided by its own root mean square plus
            1e-5, as in the authors' public code.
        order: jacobi, both gradients at the previous pair; gauss-seidel, h first, and m sees the new h.
        rate: step size η at first.
        decay: how η falls: constant; exponential, η·exp(−t/τ); cosine, to zero along half a cosine.
        decay_steps: τ of the exponential decay.
    """

    steps: int = attrs.field(default=800, validator=ge(1))
    update: Update = attrs.field(default="adam", validator=in_(["adam", "gradient", "normalised"]))
    order: Order = attrs.field(default="jacobi", validator=in_(["jacobi", "gauss-seidel"]))
    rate: float = attrs.field(default=0.1, validator=gt(0))
    decay: Decay = attrs.field(default="cosine", validator=in_(["constant", "exponential", "cosine"]))
    decay_steps: float = attrs.field(default=250.0, validator=gt(0))

    def rate_at(self, step: int) -> float:
        """η of step 0, 1, …"""
        if self.decay == "exponential":
            return self.rate * math.exp(-step / self.decay_steps)
        fall = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.rate * (fall if self.decay == "cosine" else 1.0)


@attrs.frozen
class Step:
    """Moves all candidates once. A given ``w`` has nothing to move."""

    descent: Descent

    def begin(self, c: Candidates) -> None:
        """Give the candidates the memory of their updates."""
        if self.descent.update == "adam":
            c.memory |= {"h": Adam(c.h), "m": Adam(c.m)}

    def __call__(self, c: Candidates, number: int) -> None:
        """Step ``number`` of the schedule."""
        rate = self.descent.rate_at(number)
        if is_given(c.problem.priors[0]):
            _, gradient_m = c.gradients("x")
            c.move(m=c.m - rate * self._direction(c, "m", gradient_m))
        elif self.descent.order == "jacobi":
            gradient_h, gradient_m = c.gradients()
            c.move(
                c.h - rate * self._direction(c, "h", gradient_h),
                c.m - rate * self._direction(c, "m", gradient_m),
            )
        else:
            gradient_h, _ = c.gradients("w")
            c.move(h=c.h - rate * self._direction(c, "h", gradient_h))
            _, gradient_m = c.gradients("x")
            c.move(m=c.m - rate * self._direction(c, "m", gradient_m))

    def _direction(self, c: Candidates, which: str, gradient: Tensor) -> Tensor:
        if self.descent.update == "adam":
            adam: Callable[[Tensor], Tensor] = c.memory[which]
            return adam(gradient)
        return gradient if self.descent.update == "gradient" else normalised(gradient)


def normalised(gradient: Inexact[Tensor, "n *latent"]) -> Inexact[Tensor, "n *latent"]:
    """Each candidate's gradient over its root mean square plus 1e-5."""
    if gradient.numel() == 0:
        return gradient
    numbers = gradient.flatten(1)
    size = (numbers.abs() if gradient.is_complex() else numbers).square().mean(1).sqrt() + 1e-5
    return gradient / size.reshape(-1, *[1] * (gradient.ndim - 1))
