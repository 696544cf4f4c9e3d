"""From latents ~ N(0, 1) to the parameters of a kernel, with gradients.

    length = uniform(h[:, 2], 5, 28)          # ~ U(5, 28)
    heading = angle(h[:, :2])                 # ~ U(-pi, pi)
    h = normal(length, 5, 28)                 # back again

A parametric prior keeps its latent standard normal, so that it can be drawn from and penalised by ``‖h‖²`` as
any other, and maps it to the law that its parameters should have.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["angle", "normal", "on_circle", "uniform"]

#: how far an end of an interval a value may be taken to lie: the end itself is an infinite latent
_SHORT_OF_THE_END = 1e-4


def uniform(latent: Float[Tensor, "n"], low: float, high: float) -> Float[Tensor, "n"]:
    """``low + (high − low) Φ(h)`` with Φ the normal distribution function: uniform in [low, high]."""
    return low + (high - low) * torch.special.ndtr(latent)


def angle(latent: Float[Tensor, "n 2"]) -> Float[Tensor, "n"]:
    """``atan2(h₁, h₀)``, uniform in [−π, π]: a periodic parameter on a plane, where no angle is an end.

    Its gradient is 1/r at radius r = ‖(h₀, h₁)‖; at r = 0, where there is none, it is 0, and so is the angle.
    """
    return torch.atan2(latent[:, 1], latent[:, 0])


def normal(value: Float[Tensor, "n"], low: float, high: float) -> Float[Tensor, "n"]:
    """The inverse of `uniform`; beyond an end of [low, high], or within 10⁻⁴ of its length, it is ±3.7."""
    share = (value - low) / (high - low)
    return torch.special.ndtri(share.clamp(_SHORT_OF_THE_END, 1 - _SHORT_OF_THE_END))


def on_circle(direction: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
    """The latent of radius 1 with the angle of ``direction``; of angle 0 where that is zero."""
    heading = angle(direction)
    return torch.stack([heading.cos(), heading.sin()], dim=1)
