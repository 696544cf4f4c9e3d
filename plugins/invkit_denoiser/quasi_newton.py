"""Quasi-Newton steps of a function that changes a little from call to call.

    descend = QuasiNewton()
    for level in levels:
        h = descend(lambda h: (value, gradient), h, steps=2)      # of this level's function

A step is −tHg, with g the gradient and H the inverse curvature that the last moves s and the changes c of the
gradient over them tell of: limited-memory BFGS. They are kept from one function to the next, whose curvature
is much like its own, so that two steps of each are enough. Both ends of a move are measured by one function,
so that a change of the function is not taken for curvature. Where a step does not better the function, the
point stays and t is a quarter of what it was; where it does, twice that, up to 1.

Source: J. Nocedal and S. Wright, *Numerical Optimization*, 2006, section 7.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["QuasiNewton"]

_MEMORY = 15
"""Moves that are remembered."""
_FIRST = 0.1
"""The length of the first step, which knows of no curvature."""
_SHORTEST = 0.1
"""t at the beginning of a call, at least."""
_CURVED = 1e-12
"""⟨s, c⟩ at least, for a move to be remembered."""


class QuasiNewton:
    """Steps, each of which lowers the function it is given or does nothing; see the module."""

    def __init__(self) -> None:
        self._moves: deque[tuple[Tensor, Tensor]] = deque(maxlen=_MEMORY)
        self._length = 1.0

    def __call__(
        self, measured: Callable[[Tensor], tuple[float, Tensor]], at: Float[Tensor, "*h"], steps: int
    ) -> Float[Tensor, "*h"]:
        """The point after some steps.

        Args:
            measured: the function, giving its value and its gradient, which has the point's shape.
            at: where to begin.
            steps: how many; each measures the function once, and the beginning once more.
        """
        value, gradient = measured(at)
        self._length = max(self._length, _SHORTEST)
        for _ in range(steps):
            tried = at - (self._length * self._turned(gradient)).to(at)
            other, slope = measured(tried)
            move, change = (tried - at).double(), slope.double() - gradient.double()
            if float((move * change).sum()) > _CURVED:  # never where it is no number
                self._moves.append((move, change))
            if other < value:
                at, value, gradient = tried, other, slope
                self._length = min(2 * self._length, 1.0)
            else:
                self._length /= 4
        return at

    def _turned(self, gradient: Tensor) -> Tensor:
        """Hg."""
        turned, shares = gradient.double(), list[Tensor]()
        if not self._moves:
            return turned * (_FIRST / turned.norm().clamp(min=torch.finfo(turned.dtype).tiny))
        for move, change in reversed(self._moves):
            shares.append((move * turned).sum() / (move * change).sum())
            turned = turned - shares[-1] * change
        move, change = self._moves[-1]
        turned = turned * ((move * change).sum() / change.square().sum())
        for (move, change), share in zip(self._moves, reversed(shares), strict=True):
            turned = turned + move * (share - (change * turned).sum() / (move * change).sum())
        return turned
