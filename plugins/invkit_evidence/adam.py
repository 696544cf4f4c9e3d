"""Steps of Adam, row by row, of a tensor whose rows may be dropped on the way.

    adam = Adam(h)
    h = h - 0.1 * adam.direction(gradient)
    adam = adam.select(rows)

Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015. Gradients here are
exact, so the second moment's decay is 0.99, which forgets sooner than the usual 0.999.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Adam"]

_BETAS, _EPS = (0.9, 0.99), 1e-8


class Adam:
    """The moments of a tensor's gradients."""

    def __init__(self, like: Tensor) -> None:
        self.first, self.second, self.done = torch.zeros_like(like), torch.zeros_like(like), 0

    def direction(self, gradient: Tensor) -> Tensor:
        """What the next step goes against, of unit size where gradients are alike; not finite ones are 0."""
        gradient = gradient.nan_to_num(0, 0, 0)
        self.done += 1
        self.first = _BETAS[0] * self.first + (1 - _BETAS[0]) * gradient
        self.second = _BETAS[1] * self.second + (1 - _BETAS[1]) * gradient.square()
        size = (self.second / (1 - _BETAS[1] ** self.done)).sqrt() + _EPS
        return self.first / (1 - _BETAS[0] ** self.done) / size

    def select(self, rows: Tensor) -> Adam:
        """Those of some rows."""
        other = Adam(self.first[rows])
        other.first, other.second, other.done = self.first[rows], self.second[rows], self.done
        return other
