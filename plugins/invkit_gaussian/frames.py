"""Several measurements of one image, each by a kernel of its own, as one: multi-frame deconvolution.

Of k frames ``ŷ_j = K_j x̂ + noise``, in every bin of the DFT, only the part along (K_1, …, K_k) says
something of x̂. A unitary change of the k numbers turns them into

    ŷ = Σ_j conj(K_j) ŷ_j / K = K x̂ + noise,      K = (Σ_j |K_j|²)^½,

and k − 1 numbers of pure noise, of the same variance. So the posterior of x is that of one measurement ŷ with
the transfer function K. The evidence gains the density of the rest, which depends on the kernels:

    −log p = −log p(ŷ) + Σ_j |ŷ_j − K_j ŷ / K|² / 2σ² + (k − 1) n/2 log 2πσ².

It is the kernels' disagreement: each frame predicts the others (Harikumar and Bresler, IEEE Trans. Image
Process. 8(2), 1999, find kernels by that alone).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit_gaussian.fourier import squared
from invkit_gaussian.posterior import Posterior

__all__ = ["Merged"]


class Merged:
    """Frames and what they are as one measurement.

    Args:
        frames: half spectra ŷ_j in colour coordinates.
        transfers: K_j, one channel for all; of one operator for all measurements (m = 1), or one for each.
    """

    #: ŷ and K
    observed: Complex[Tensor, "n c f"]
    transfer: Complex[Tensor, "m 1 f"]

    def __init__(self, frames: Complex[Tensor, "n k c f"], transfers: Complex[Tensor, "m k 1 f"]) -> None:
        self._frames, self.frames = frames, frames.shape[1]
        if self.frames == 1:
            self.observed, self.transfer = frames[:, 0], transfers[:, 0]
            return
        gain = squared(transfers).sum(1)
        root = gain.clamp_min(torch.finfo(gain.dtype).eps ** 2).sqrt()  # where all kernels have a zero
        self._directions = transfers / root[:, None]
        self.observed = (self._directions.conj() * frames).sum(1)
        self.transfer = torch.complex(root, torch.zeros_like(root))

    def posterior(self, merged: Posterior, variance: Float[Tensor, "n"], numbers: int) -> Posterior:
        """That of the frames, from that of the one measurement, which has so many numbers."""
        return _OfFrames(merged, self.beside(variance, numbers))

    def beside(self, variance: Float[Tensor, "n"], numbers: int) -> Float[Tensor, "n"]:
        """What the evidence of the frames has beside that of the one measurement."""
        numbers = (self.frames - 1) * numbers
        left = squared(self._frames - self._directions * self.observed[:, None]).flatten(1).sum(1)
        spread = numbers * (2 * math.pi * variance).log()
        return (left / variance + spread) / 2


class _OfFrames(Posterior):
    """The posterior of one measurement, its evidence with that of what the frames hold beside it."""

    def __init__(self, merged: Posterior, beside: Float[Tensor, "n"]) -> None:
        self._merged, self._beside = merged, beside

    def evidence(self) -> Float[Tensor, "n"]:
        return self._merged.evidence() + self._beside

    def mean(self) -> Float[Tensor, "n c h w"]:
        return self._merged.mean()

    def uncertainty(self, v: Float[Tensor, "n c h w"]) -> Float[Tensor, "n"]:
        return self._merged.uncertainty(v)
