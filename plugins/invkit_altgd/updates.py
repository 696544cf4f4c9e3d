"""How a gradient becomes a step, per candidate: plain, normalised, or Adam.

    update = Adam(h)
    h = h - rate * update(gradient)

Everything is elementwise or reduced over one candidate's own latent, so no candidate's path depends on
another's.
"""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Update(Protocol):
    """Maps gradients to directions of descent, keeping what it needs from step to step."""

    def __call__(self, gradient: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *latent"]:
        """The direction whose negative is followed."""
        ...

    def select(self, keep: Int[Tensor, "k"]) -> None:
        """Go on with these candidates only."""
        ...


class Plain:
    """The gradient itself, or (``normalise``) divided by its own root mean square plus 1e-5, as in the
    authors' public code.
    """

    def __init__(self, normalise: bool) -> None:
        self.normalise = normalise

    def __call__(self, gradient: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *latent"]:
        if not self.normalise or gradient.numel() == 0:
            return gradient
        flat = gradient.flatten(1)
        scale = flat.square().mean(1).sqrt() + 1e-5
        return (flat / scale[:, None]).reshape(gradient.shape)

    def select(self, keep: Int[Tensor, "k"]) -> None:
        """Nothing is kept."""


class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980) with β = (0.9, 0.99): the gradients are noiseless, so the
    second moment may be short.
    """

    BETAS, EPSILON = (0.9, 0.99), 1e-8

    def __init__(self, latent: Float[Tensor, "n *latent"]) -> None:
        self.first, self.second = torch.zeros_like(latent), torch.zeros_like(latent)
        self.count = 0

    def __call__(self, gradient: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *latent"]:
        first, second = self.BETAS
        self.count += 1
        self.first = torch.lerp(gradient, self.first, first)
        self.second = torch.lerp(gradient.square(), self.second, second)
        corrected = (self.second / (1 - second**self.count)).sqrt() + self.EPSILON
        return self.first / (1 - first**self.count) / corrected

    def select(self, keep: Int[Tensor, "k"]) -> None:
        self.first, self.second = self.first[keep], self.second[keep]
