"""Straight motion of unknown angle and length as a prior: three numbers.

    kernel = invkit.prior("motion?longest=15")
    w = kernel(torch.tensor([[1.0, 0.0, 0.0]]))              # along x, of length 7.5

With latents h ~ N(0, I) the camera moves along a segment through the centre, of angle and length

    α = atan2(h₁, h₀) / 2  ~ U(−π/2, π/2),      L = longest · Φ(h₂)  ~ U(0, longest)

The angle is halved because a segment turned by half a turn is itself: so each kernel has one angle, and α
passes smoothly from π/2 to −π/2. The exposure is that of :mod:`invkit_blurs.motion`, whose samples lie at
equal shares of the segment; there are as many as the longest segment needs.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit_blurs.exposure import expose
from invkit_blurs.laws import angle, normal, on_circle, uniform
from invkit_blurs.moments import moments
from invkit_blurs.motion import check_fits, segments

__all__ = ["MotionPrior"]


class MotionPrior(invkit.Generator):
    """Straight motion blurs: unit sum, non-negative, symmetric about the centre.

    Args:
        size: pixels in height and width of the kernels, at least 2.
        longest: the largest length of a segment in pixels, in (0, size − 1]; None for size − 1.

    Raises:
        InputError: the size cannot hold the length at every angle.

    Source: arXiv 1802.04073, section 4.1, for the family, there of one length.
    """

    role = "kernel"
    can_encode = True

    def __init__(self, size: int = 28, longest: float | None = None) -> None:
        super().__init__()
        longest = float(size - 1 if longest is None else longest)
        check_fits(longest, size, "longest")
        self.size, self.longest = size, longest
        self.latent_shape, self.signal_shape = (3,), (1, size, size)

    def forward(self, latent: Float[Tensor, "n 3"]) -> Float[Tensor, "n 1 size size"]:
        alpha, length = angle(latent[:, :2]) / 2, uniform(latent[:, 2], 0.0, self.longest)
        return expose(segments(alpha, length, self.longest), self.size)

    def numbers(self, latent: Float[Tensor, "n 3"]) -> dict[str, Float[Tensor, "n"]]:
        """The ``length`` in pixels and the ``angle`` in degrees, from the columns' axis towards the rows'."""
        alpha = torch.rad2deg(angle(latent[:, :2]) / 2)
        return {"length": uniform(latent[:, 2], 0.0, self.longest), "angle": alpha}

    def encode(self, signal: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n 3"]:
        """The segment of the same axis and second moment: L² / 12 is the difference of the eigenvalues.

        The exposure on pixels adds at most 1/4 to each of them, and less to their difference.
        """
        _, tilt = moments(signal)
        length = (24 * tilt.norm(dim=1)).sqrt()
        return torch.cat([on_circle(tilt), normal(length, 0.0, self.longest)[:, None]], dim=1)
