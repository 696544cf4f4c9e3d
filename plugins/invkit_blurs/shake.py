"""Camera shake: random trajectories of a hand-held camera.

    w = invkit.dataset("shake").draw(8, rng)
    w = invkit.dataset("shake?size=45,shortest=30").draw(8, rng)     # (8, 1, 45, 45), lengths 30 to 45

A point starts at the origin in a random direction and makes T - 1 steps of equal length s = L / (T - 1).
Before each step its velocity v receives, and is then scaled back to length s,

    v  +=  a s (g (n1 + i n2) - c x)         n1, n2 ~ N(0, 1): unrest, and a pull back to the start
    v  +=  2 v exp(i (pi + u - 1/2))         with probability p a, u ~ U(0, 1): a shake, nearly a reversal

with anxiety a = 0.01, T = 100, and for each trajectory L ~ U{5, ..., 28}, g ~ 10 U(0, 1), c ~ 0.7 U(0, 1) and
p ~ 0.2 U(0, 1). The trajectory's centroid is then moved to the kernel's centre.

A kernel of another size is the same picture, larger or smaller: trajectories of the family, with lengths as
asked for, are magnified by size / 28.

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
from invkit.errors import InputError
from invkit_blurs.exposure import splat
from invkit_blurs.streams import streams

__all__ = ["Shake", "trajectories"]

_SAMPLES = 100
_ANXIETY = 0.01
_SHORTEST, _LONGEST = 5, 28
_SIZE = 28


def trajectories(
    n: int, rng: torch.Generator, lengths: tuple[int, int] = (_SHORTEST, _LONGEST), scale: float = 1.0
) -> Complex128[np.ndarray, "n samples"]:
    """Return ``n`` trajectories of 100 samples as complex numbers x + iy in pixels, each starting at 0.

    Args:
        n: number of trajectories.
        rng: random generator on the CPU.
        lengths: least and largest length in pixels; a length is a whole number, each as probable.
        scale: magnification of the family; its kernels have 28 x 28 pixels at 1.
    """
    settings, normals, shakes = streams(rng, 3)
    uniform = settings.random((n, 5)).T
    length = (lengths[0] + np.floor(uniform[0] * (lengths[1] - lengths[0] + 1))) / scale
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
    return positions * scale


class Shake(SampledDataset):
    """Camera-shake kernels of Boracchi and Foi (2012), centroid in the middle.

    Args:
        size: pixels in height and width, at least 2.
        shortest: least length of a trajectory in pixels, at least 1; by default 5/28 of ``size``.
        longest: largest length, at least ``shortest`` and at most ``size``, which is the default.

    Raises:
        InputError: a size or a range of lengths that makes no kernel.
    """

    def __init__(self, size: int = _SIZE, shortest: int | None = None, longest: int | None = None) -> None:
        if size < 2:
            raise InputError(f"a kernel of size {size} holds no shake", hint="give size=2 or more")
        shortest = max(1, round(_SHORTEST / _SIZE * size)) if shortest is None else shortest
        longest = size if longest is None else longest
        if not 1 <= shortest <= longest <= size:
            raise InputError(
                f"shakes of length {shortest} to {longest} in a kernel of size {size}",
                hint=f"give 1 <= shortest <= longest <= {size}, or a larger size",
            )
        parameters = {
            "samples": _SAMPLES,
            "anxiety": _ANXIETY,
            "shortest": shortest,
            "longest": longest,
            "size": size,
        }
        super().__init__("shake", (1, size, size), parameters)
        self.size, self.lengths = size, (shortest, longest)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 size size"]:
        curves = trajectories(n, rng, self.lengths, self.size / _SIZE)
        curves -= curves.mean(axis=1, keepdims=True)
        points = np.stack([curves.real, curves.imag], axis=1)
        reach = np.abs(points).max(axis=(1, 2), keepdims=True)
        points *= np.minimum(1.0, (self.size - 1) / 2 / reach)
        return splat(torch.from_numpy(points), self.size)
