"""Isotropic Gaussian blurs.

    w = invkit.dataset("gaussian?low=1,high=3").draw(8, rng)

w[i, j] is proportional to exp(-((i - c)² + (j - c)²) / 2 sigma²), c = (size - 1) / 2, sampled at the pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InputError
from invkit_blurs.streams import streams

__all__ = ["Gaussian", "check_widths", "gaussian_kernels"]


def gaussian_kernels(sigmas: Float64[np.ndarray, "n"], size: int) -> Float32[Tensor, "n 1 size size"]:
    """Return Gaussian kernels of unit sum for the given standard deviations (in pixels, above 0)."""
    position = np.arange(size) - (size - 1) / 2
    profile = np.exp(-0.5 * (position / sigmas[:, None]) ** 2)
    profile /= profile.sum(axis=1, keepdims=True)
    kernels = profile[:, None, :, None] * profile[:, None, None, :]
    return torch.from_numpy(np.asarray(kernels, dtype=np.float32))


def check_widths(size: int, low: float, high: float, options: str, *, apart: bool = False) -> None:
    """Raise InputError where kernels of this size cannot have standard deviations in [low, high].

    ``options`` is how the hint writes the interval; ``apart`` refuses one that is a single point.
    """
    if size < 2:
        raise InputError(f"a kernel of size {size} holds no Gaussian", hint="give size=2 or more")
    # Below 0.1 an even size's four middle pixels underflow; above size / 4 the support cuts the tails.
    if not 0.1 <= low <= high <= size / 4 or (apart and low == high):
        raise InputError(
            f"Gaussian kernels of size {size} cannot have standard deviations from {low:g} to {high:g}",
            hint=f"give 0.1 <= {options} <= {size / 4:g}",
        )


class Gaussian(SampledDataset):
    """Gaussian blurs, standard deviation uniform in [low, high] pixels.

    Args:
        size: pixels in height and width.
        low: least standard deviation, at least 0.1.
        high: largest standard deviation, at least ``low`` and at most a quarter of ``size``.

    Raises:
        InputError: an empty or unusable range of standard deviations.

    Source: arXiv 1802.04073, section 4.1 (0.5 to 1.5).
    """

    def __init__(self, size: int = 28, low: float = 0.5, high: float = 1.5) -> None:
        check_widths(size, low, high, "low <= high")
        super().__init__("gaussian", (1, size, size), {"size": size, "low": float(low), "high": float(high)})
        self.size, self.low, self.high = size, float(low), float(high)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 size size"]:
        (sigmas,) = streams(rng, 1)
        return gaussian_kernels(sigmas.uniform(self.low, self.high, n), self.size)
