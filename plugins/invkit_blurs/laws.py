"""From latents ~ N(0, 1) to the parameters of a kernel, with gradients.

    length = uniform(h[:, 2], 5, 28)          # ~ U(5, 28)
    heading = angle(h[:, :2])                 # ~ U(-pi, pi)

A parametric prior keeps its latent standard normal, so that it can be drawn from and penalised by ``‖h‖²`` as
any other, and maps it to the law that its parameters should have.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["angle", "uniform"]


def uniform(latent: Float[Tensor, "n"], low: float, high: float) -> Float[Tensor, "n"]:
    """``low + (high − low) Φ(h)`` with Φ the normal distribution function: uniform in [low, high]."""
    return low + (high - low) * torch.special.ndtr(latent)


def angle(latent: Float[Tensor, "n 2"]) -> Float[Tensor, "n"]:
    """``atan2(h₁, h₀)``, uniform in [−π, π]: a periodic parameter on a plane, where no angle is an end.

    Its gradient is 1/r at radius r = ‖(h₀, h₁)‖; at r = 0, where there is none, it is 0, and so is the angle.
    """
    return torch.atan2(latent[:, 1], latent[:, 0])
