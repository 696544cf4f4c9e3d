"""The kernel families of the founding paper (arXiv 1802.04073, sections 4.1 and 4.3), with nothing to choose.

    w = invkit.dataset("blurB").take(torch.arange(8), "test")

- blur A: motion of length 10 on 28 x 28 pixels.
- blur B: "centered overlapping Gaussian and motion blurs". The paper does not say how they overlap; here they
  are superposed, half of the mass each, on one centre.
- blur 30: the "large" motion blur of length 30. The paper keeps the architecture of blur A, whose 28 x 28
  pixels cannot hold it at most angles; it is on 32 x 32 here, where it fits at every angle. The paper's
  decoder grows a base of b x b to 4 (b + 1): b = 7 (a first dense layer of 7 * 7 * 20 = 980) gives the 32.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit_blurs.gaussian import gaussian_kernels
from invkit_blurs.motion import Motion, motion_kernels
from invkit_blurs.streams import streams

__all__ = ["Blur30", "BlurA", "BlurB"]


class BlurA(Motion):
    """Motion blurs of length 10, angle uniform in [0, 360) degrees, 28 x 28."""

    def __init__(self) -> None:
        super().__init__(10.0, 28)
        self.name = "blurA"


class BlurB(SampledDataset):
    """The mean of a blur A and a Gaussian of standard deviation uniform in [0.5, 1.5] pixels, 28 x 28."""

    def __init__(self) -> None:
        super().__init__("blurB", (1, 28, 28), {"length": 10.0, "low": 0.5, "high": 1.5, "size": 28})

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 28 28"]:
        angles, sigmas = streams(rng, 2)
        motion = motion_kernels(2 * np.pi * angles.random(n), 10.0, 28)
        return 0.5 * (motion + gaussian_kernels(sigmas.uniform(0.5, 1.5, n), 28))


class Blur30(Motion):
    """Motion blurs of length 30, angle uniform in [0, 360) degrees, 32 x 32."""

    def __init__(self) -> None:
        super().__init__(30.0, 32)
        self.name = "blur30"
