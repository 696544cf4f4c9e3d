"""A Gaussian kernel with an unknown width: ``k[u] ∝ exp(−|u|² / 2σ²)``, ``σ = width · exp(spread · h)``.

    prior = invkit.prior("gaussian-blob?size=9,width=1.5")
    kernel = prior(torch.zeros(1, 1))           # (1, 1, 9, 9), unit sum, σ = 1.5

With ``h`` normally distributed the width is log-normal, and the penalty ``h²`` that every prior has by
default is the negative log-density of ``h``, up to constants.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit import Generator, InputError


class GaussianBlob(Generator):
    """Isotropic Gaussian kernels of one channel.

    Args:
        size: pixels in height and width, at least 1; the centre is pixel ``size // 2``.
        width: the standard deviation σ in pixels at the latent 0, above 0.
        spread: the standard deviation of ``log σ``, above 0.

    Raises:
        InputError: an argument out of its range.
    """

    squared_distance: Tensor

    def __init__(self, size: int = 9, width: float = 1.5, spread: float = 0.5) -> None:
        super().__init__()
        for key, value in (("size", size), ("width", width), ("spread", spread)):
            if not value > 0:
                raise InputError(f"gaussian-blob has {key} = {value}, expected more than 0")
        self.width, self.spread = width, spread
        self.latent_shape, self.signal_shape = (1,), (1, size, size)
        axis = torch.arange(size, dtype=torch.float64) - size // 2
        self.register_buffer("squared_distance", axis[:, None] ** 2 + axis[None, :] ** 2, persistent=False)

    def forward(self, latent: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1 size size"]:
        """Return the kernel of every latent, non-negative and of unit sum."""
        sigma = self.width * torch.exp(self.spread * latent)
        exponent = -self.squared_distance.to(latent).flatten() / (2 * sigma**2)
        # A softmax is the Gaussian divided by its sum, without overflow or 0/0 for any width.
        return exponent.softmax(1).reshape(-1, *(self.signal_shape or ()))
