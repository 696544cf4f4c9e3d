"""Straight motion blurs.

    w = invkit.dataset("motion?length=15,size=28").draw(8, rng)

The camera moves at constant speed along a segment of length L through the centre, at an angle uniform in
[0, 360) degrees. With u uniform in [-L/2, L/2], light falls on u (cos a, sin a); along the segment its
variance is L²/12, and the bilinear rasterisation adds a sixth of a pixel² or less per axis.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InputError
from invkit_blurs.exposure import splat
from invkit_blurs.streams import streams

__all__ = ["Motion", "check_fits", "motion_kernels", "segments"]

# Samples per pixel of length: with eight, entries differ from the exact integral by 0.4 % of the largest.
_DENSITY = 8


def segments(
    angles: Float[Tensor, "n"], lengths: Float[Tensor, "n"], longest: float
) -> Float[Tensor, "n 2 samples"]:
    """Return samples at equal shares of segments through the centre, as many as ``longest`` needs."""
    count = math.ceil(_DENSITY * longest)
    along = (torch.arange(count, dtype=angles.dtype, device=angles.device) + 0.5) / count - 0.5
    ends = torch.stack([angles.cos(), angles.sin()], dim=1) * lengths[:, None]
    return ends[:, :, None] * along


def check_fits(length: float, size: int, option: str = "length") -> None:
    """Raise InputError where a kernel cannot hold segments of this length at every angle."""
    if size < 2:
        raise InputError(f"a kernel of size {size} holds no motion", hint="give size=2 or more")
    if not 0 < length <= size - 1:
        raise InputError(
            f"a motion of length {length:g} does not fit a kernel of size {size} at every angle",
            hint=f"give a {option} above 0 and up to {size - 1}, or a larger size",
        )


def motion_kernels(
    angles: Float64[np.ndarray, "n"], length: float | Float64[np.ndarray, "n"], size: int
) -> Float32[Tensor, "n 1 size size"]:
    """Return motion kernels for the given angles.

    Args:
        angles: in radians, from the x axis (columns) towards the y axis (rows, downwards).
        length: of the segment, in pixels, one for all or one for each; at most ``size - 1``.
        size: pixels in height and width.
    """
    lengths = np.broadcast_to(np.asarray(length, dtype=np.float64), angles.shape)
    longest = float(np.max(length, initial=0))
    return splat(segments(torch.from_numpy(angles), torch.from_numpy(lengths.copy()), longest), size)


class Motion(SampledDataset):
    """Straight motion blurs, angle uniform in [0, 360) degrees.

    Args:
        length: of the segment in pixels, in (0, size - 1].
        size: pixels in height and width, at least 2.
        shortest: if given, lengths are uniform in [shortest, length].

    Raises:
        InputError: the size cannot hold the length at every angle, or ``shortest`` is longer.

    Source: arXiv 1802.04073, section 4.1 (length 10, 28 x 28).
    """

    def __init__(self, length: float = 10.0, size: int = 28, shortest: float | None = None) -> None:
        check_fits(length, size)
        if shortest is not None and not 0 < shortest <= length:
            raise InputError(
                f"motions of length {shortest:g} to {length:g}, size {size}",
                hint=f"give 0 < shortest <= {length:g}",
            )
        # Without a range the parameters are those that priors were trained with.
        ranged = {} if shortest is None else {"shortest": float(shortest)}
        super().__init__("motion", (1, size, size), {"length": float(length), "size": size, **ranged})
        self.length, self.size = float(length), size
        self.shortest = self.length if shortest is None else float(shortest)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 size size"]:
        angles, lengths = streams(rng, 2)
        drawn = lengths.uniform(self.shortest, self.length, n)
        return motion_kernels(2 * np.pi * angles.random(n), drawn, self.size)
