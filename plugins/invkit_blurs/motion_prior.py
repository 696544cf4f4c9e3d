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

import math

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit_blurs.exposure import expose
from invkit_blurs.laws import angle, normal, on_circle, uniform
from invkit_blurs.moments import moments

__all__ = ["MotionPrior"]

# Samples per pixel of the longest segment, as in `motion`.
_DENSITY = 8


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
        if size < 2:
            raise InputError(f"a kernel of size {size} holds no motion", hint="give size=2 or more")
        if longest is not None and not 0 < longest <= size - 1:
            raise InputError(
                f"a motion of length {longest:g} does not fit a kernel of size {size} at every angle",
                hint=f"give a longest above 0 and up to {size - 1}, or a larger size",
            )
        self.size, self.longest = size, float(size - 1 if longest is None else longest)
        self.latent_shape, self.signal_shape = (3,), (1, size, size)

    def forward(self, latent: Float[Tensor, "n 3"]) -> Float[Tensor, "n 1 size size"]:
        """The kernel of every latent."""
        count = math.ceil(_DENSITY * self.longest)
        along = (torch.arange(count, dtype=latent.dtype, device=latent.device) + 0.5) / count - 0.5
        alpha, length = angle(latent[:, :2]) / 2, uniform(latent[:, 2], 0.0, self.longest)
        ends = torch.stack([alpha.cos(), alpha.sin()], dim=1) * length[:, None]
        return expose(ends[:, :, None] * along, self.size)

    def encode(self, signal: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n 3"]:
        """The segment of the same axis and second moment: L² / 12 is the difference of the eigenvalues.

        The exposure on pixels adds at most 1/4 to each of them, and less to their difference.
        """
        _, tilt = moments(signal)
        length = (24 * tilt.norm(dim=1)).sqrt()
        return torch.cat([on_circle(tilt), normal(length, 0.0, self.longest)[:, None]], dim=1)
