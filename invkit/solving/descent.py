"""Adam, row by row: a batch of candidates of which some may be dropped on the way.

    adam = Adam(h)
    h = h - 0.1 * adam(gradient)
    adam.select(rows)

Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, with β = (0.9, 0.99).
The gradients of a solver are exact, so the second moment may forget sooner than with the usual 0.999.

``torch.optim`` is not used here: its first optimiser imports torch's compiler, which takes over a second.
"""

from __future__ import annotations

import torch
from jaxtyping import Inexact, Int
from torch import Tensor

__all__ = ["Adam"]

_EPSILON = 1e-8


class Adam:
    """The moments of a batch of gradients. No row depends on another.

    Args:
        like: of the gradients' shape.
        betas: how much of the first and of the second moment each step keeps, in [0, 1).
    """

    def __init__(self, like: Inexact[Tensor, "n *latent"], betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.betas = betas
        self.first, self.second, self.count = torch.zeros_like(like), torch.zeros_like(like.real), 0

    def __call__(self, gradient: Inexact[Tensor, "n *latent"]) -> Inexact[Tensor, "n *latent"]:
        """The direction whose negative is followed, of about unit size; gradients not finite count as 0.

        A complex number is one number: its second moment is that of its modulus.
        """
        gradient = gradient.where(gradient.isfinite(), 0.0)
        first, second = self.betas
        self.count += 1
        self.first = torch.lerp(gradient, self.first, first)
        square = gradient.abs().square() if gradient.is_complex() else gradient.square()
        self.second = torch.lerp(square, self.second, second)
        size = (self.second / (1 - second**self.count)).sqrt() + _EPSILON
        return self.first / (1 - first**self.count) / size

    def select(self, keep: Int[Tensor, "k"]) -> None:
        """Go on with these rows only."""
        self.first, self.second = self.first[keep], self.second[keep]
