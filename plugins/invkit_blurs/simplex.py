"""A free kernel: any non-negative array of unit sum, one latent a pixel.

    kernel = invkit.prior("simplex?size=15")
    w = kernel(kernel.sample_latent(8, rng))                 # (8, 1, 15, 15)

    w = softmax(h / τ),      h ~ N(0, I),      τ = temperature

The logarithms of a kernel's pixels are, up to a constant, normal of standard deviation 1/τ: hot kernels are
flat, cold ones have their mass on few pixels, as the blur of a camera has. At the default τ = 1/4 the typical
kernel of 28 × 28 has 95 % of its mass on 28 pixels, as that of the data set `shake`; at 1/2 on 291. A
constant added to h changes nothing, and the penalty ``‖h‖²`` draws the mean of h to zero.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError

__all__ = ["Simplex"]

#: the least share of a kernel's mass that a pixel is encoded with: zero would be an infinite latent
_LEAST = 1e-6


class Simplex(invkit.Generator):
    """``softmax(h / temperature)`` over the pixels: all kernels without a zero.

    Args:
        size: pixels in height and width of the kernels, at least 1.
        temperature: τ above; the step of the latent that multiplies a pixel by e.

    Raises:
        InputError: a size below 1, or a temperature that is no positive number.
    """

    role = "kernel"
    can_encode = True

    def __init__(self, size: int = 15, temperature: float = 0.25) -> None:
        super().__init__()
        if size < 1:
            raise InputError(f"a kernel of size {size} has no pixels", hint="give size=1 or more")
        if not (temperature > 0 and math.isfinite(temperature)):
            raise InputError(f"temperature={temperature}", hint="give a positive number, e.g. 0.25")
        self.size, self.temperature = size, float(temperature)
        self.latent_shape = self.signal_shape = (1, size, size)

    def forward(self, latent: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n 1 size size"]:
        return torch.softmax(latent.flatten(1) / self.temperature, dim=1).unflatten(1, latent.shape[1:])

    def encode(self, signal: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n 1 size size"]:
        """``τ log w``, of zero mean, with every pixel raised to at least 10⁻⁶ of the sum; the sum is free.

        Raises:
            InputError: a kernel without a positive pixel.
        """
        positive = signal.clamp(min=0)
        total = positive.sum((1, 2, 3), keepdim=True)
        if bool((total <= 0).any()):  # NaN is another's failure: it must not end a batch
            raise InputError("a kernel has no positive pixel", hint="give kernels with a positive sum")
        latent = self.temperature * (positive / total).clamp(min=_LEAST).log()
        return latent - latent.mean((1, 2, 3), keepdim=True)
