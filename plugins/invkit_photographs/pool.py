"""Quick kernels: runs of the pyramid under sparse gradients alone, of several supports and scales.

    for kernel in kernels_at(small, scale, sides=(13, 19, 25)):
        kernel                                  # (P, P), odd, in pixels of full size
    refined(larger, 0.7, kernel.numpy())        # the same, after some rounds at another scale

A run is :func:`invkit_photographs.pyramid.coarse_to_fine` without the dark channel, on the picture at a
scale. Where it ends depends on chance: on the support, on where it begins, and on the contrast, since the
weight of the gradients is an absolute number. So there are several, of pictures brought to three contrasts
and from two first kernels, and the evidence judges which is right.

A kernel found at a small scale is rough there, and too thick when it is enlarged. :func:`refined` goes on
with it at a larger one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from invkit_photographs._fourier import Real
from invkit_photographs.kernel_step import enlarged, pruned
from invkit_photographs.pyramid import Settings, coarse_to_fine, refined_at
from invkit_photographs.size import extent

__all__ = ["kernels_at", "odd", "on_square", "refined"]

#: standard deviations that a picture is brought to, and the second pixel of the first kernel then. Of
#: BSDS500's training pictures small kernels are found with the first, and some large ones with the last alone
BEGINNINGS = ((0.15, (0, -1)), (0.25, (-1, -1)), (0.25, (0, -1)), (0.4, (0, -1)), (0.4, (-1, -1)))
#: the standard deviation of pictures that kernels are refined on
_CONTRAST = 0.25
#: β ends early: what is flat by then stays flat, and the kernel does not see the rest
_QUICK = Settings(dark=False, last_rounds=0, largest=4.0)
#: rounds that refine a kernel at a scale, and rounds that make it thin at full size
_ROUNDS, _LAST_ROUNDS = 12, 24
#: entries above this share of the largest are strong
_STRONG = 0.05
#: entries below this share of the largest are nothing
_LEAST = 0.03


def kernels_at(
    small: Real, scale: float, sides: Sequence[int], beginnings: int | None = None
) -> Iterator[Float[Tensor, "p p"]]:
    """The kernels of all runs on a picture at a scale.

    Args:
        small: (h, w), grey.
        scale: its size over the full size.
        sides: of the supports at that scale, odd.
        beginnings: how many of :data:`BEGINNINGS` each is tried with; None: all.
    """
    if small.std() == 0:
        return
    for side, (contrast, neighbour) in product(sides, BEGINNINGS[:beginnings]):
        alike, kernel = _of_contrast(small, contrast), None
        with np.errstate(all="ignore"):  # what is not finite is left out
            for state in coarse_to_fine(alike, (side, side), _QUICK, wrap=False, neighbour=neighbour):
                kernel = state.kernel
        if kernel is not None and np.isfinite(kernel).all():
            yield torch.from_numpy(magnified(kernel, 1 / scale))


def refined(small: Real, scale: float, kernel: Real, *, thin: bool = False) -> Float[Tensor, "p p"] | None:
    """A kernel of full size after some more rounds on the picture at a scale; None where it gets lost.

    Args:
        small, scale: as in :func:`kernels_at`.
        kernel: (P, P), odd.
        thin: the kernel is about right but too thick: it stays within a pixel of where it is strong, and the
            rounds are more, so that the image they come to has more and more detail.
    """
    if small.std() == 0:
        return None
    alike, within = _of_contrast(small, _CONTRAST), None
    side = min(odd(extent(kernel) * scale * 1.1 + 4), odd(min(small.shape) / 2) - 2)
    kernel = enlarged(kernel, (side, side), scale)
    if thin:
        kernel = pruned(np.where(kernel < _STRONG * kernel.max(), 0, kernel))
        within = ndimage.binary_dilation(kernel > 0, np.ones((3, 3), np.bool_))
    with np.errstate(all="ignore"):
        found = refined_at(alike, kernel, _LAST_ROUNDS if thin else _ROUNDS, _QUICK, within).kernel
    return torch.from_numpy(magnified(found, 1 / scale)) if np.isfinite(found).all() else None


def _of_contrast(small: Real, contrast: float) -> Real:
    """The picture brought to a standard deviation, about ½; float32."""
    return ((small - small.mean()) * (contrast / small.std()) + 0.5).astype(np.float32)


def magnified(kernel: Real, factor: float) -> Real:
    """A kernel by an exact factor of at least 1, without its faint entries; float32."""
    side = odd(max(kernel.shape) * factor)
    kernel = enlarged(kernel, (side, side), factor) if factor != 1 else kernel
    kernel = np.where(kernel < _LEAST * kernel.max(), 0, kernel)
    return (kernel / kernel.sum()).astype(np.float32)


def odd(length: float) -> int:
    """The least odd number that is no less."""
    return ceil(length) // 2 * 2 + 1


def on_square(kernel: Float[Tensor, "a b"], side: int) -> Float[Tensor, "side side"]:
    """A kernel with its middle in the middle of a square, cut to it where it is larger; unit sum."""
    for axis, length in enumerate(kernel.shape):
        if length > side:
            kernel = kernel.narrow(axis, length // 2 - side // 2, side)
    placed = kernel.new_zeros(side, side)
    top, left = (side // 2 - length // 2 for length in kernel.shape)
    placed[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel
    return placed / placed.sum()
