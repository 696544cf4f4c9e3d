"""Camera shake: random trajectories of a hand-held camera.

    w = invkit.dataset("shake").draw(8, rng)

A point starts at the origin in a random direction and makes T - 1 steps of equal length s = L / (T - 1).
Before each step its velocity v receives, and is then scaled back to length s,

    v  +=  a s (g (n1 + i n2) - c x)         n1, n2 ~ N(0, 1): unrest, and a pull back to the start
    v  +=  2 v exp(i (pi + u - 1/2))         with probability p a, u ~ U(0, 1): a shake, nearly a reversal

with anxiety a = 0.01, T = 100, and for each trajectory L ~ U{5, ..., 28}, g ~ 10 U(0, 1), c ~ 0.7 U(0, 1) and
p ~ 0.2 U(0, 1). The trajectory's centroid is then moved to the kernel's centre.

Source: G. Boracchi and A. Foi, "Modeling the performance of image restoration from motion blur", IEEE
Trans. Image Processing 21(8), 2012; the parameters are those of the journal version of arXiv 1802.04073.
Deviation: a trajectory of length L reaches up to L/2 from its centroid, half a pixel more than 28 pixels
hold for L = 28; where one would leave the support it is shrunk (by 3.6 % at most) rather than cut, so that
kernels keep unit sum and an exact centroid.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Complex128, Float32
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit_blurs.exposure import splat
from invkit_blurs.streams import streams

__all__ = ["Shake", "trajectories"]

_SAMPLES = 100
_ANXIETY = 0.01
_SHORTEST, _LONGEST = 5, 28
_SIZE = 28


def trajectories(n: int, rng: torch.Generator) -> Complex128[np.ndarray, "n samples"]:
    """Return ``n`` trajectories of 100 samples as complex numbers x + iy in pixels, each starting at 0."""
    settings, normals, shakes = streams(rng, 3)
    uniform = settings.random((n, 5)).T
    length = _SHORTEST + np.floor(uniform[0] * (_LONGEST - _SHORTEST + 1))
    unrest, pull, shake_rate = 10 * uniform[1], 0.7 * uniform[2], 0.2 * uniform[3]
    step = length / (_SAMPLES - 1)
    noise = normals.standard_normal((n, _SAMPLES - 1, 2)).view(np.complex128)[..., 0]
    chance, turn = np.moveaxis(shakes.random((n, _SAMPLES - 1, 2)), -1, 0)
    reversal = np.where(chance < shake_rate[:, None] * _ANXIETY, 2 * np.exp(1j * (np.pi + turn - 0.5)), 0)

    velocity = _ANXIETY * np.exp(2j * np.pi * uniform[4])  # the first speed only weighs the first direction
    positions = np.zeros((n, _SAMPLES), dtype=np.complex128)
    for t in range(_SAMPLES - 1):
        kick = _ANXIETY * step * (unrest * noise[:, t] - pull * positions[:, t])
        velocity = velocity * (1 + reversal[:, t]) + kick
        velocity *= step / np.abs(velocity)
        positions[:, t + 1] = positions[:, t] + velocity
    return positions


class Shake(SampledDataset):
    """Camera-shake kernels of Boracchi and Foi (2012), length 5 to 28, on 28 x 28, centroid in the middle."""

    def __init__(self) -> None:
        parameters = {
            "samples": _SAMPLES,
            "anxiety": _ANXIETY,
            "shortest": _SHORTEST,
            "longest": _LONGEST,
            "size": _SIZE,
        }
        super().__init__("shake", (1, _SIZE, _SIZE), parameters)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 28 28"]:
        curves = trajectories(n, rng)
        curves -= curves.mean(axis=1, keepdims=True)
        points = np.stack([curves.real, curves.imag], axis=1)
        reach = np.abs(points).max(axis=(1, 2), keepdims=True)
        points *= np.minimum(1.0, (_SIZE - 1) / 2 / reach)
        return splat(torch.from_numpy(points), _SIZE)
