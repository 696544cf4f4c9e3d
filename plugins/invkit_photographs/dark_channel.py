"""The dark channel: the least value of an image in the patch about each pixel.

    dark = dark_channel(image, 35)                # (H, W)
    sparser = without_dark(image, 35, 0.01)       # where a patch's least value is below 0.1, it becomes 0

Blur averages: the least value in a patch grows. So a sharp image has a darker dark channel, one with more
zeros, and their number, ``‖D(I)‖₀``, tells sharp from blurry (Pan, Sun, Pfister, Yang, CVPR 2016, Section 3).

Its step in the half-quadratic splitting, ``min_u ‖u − I‖² + (λ/β) ‖D(u)‖₀``: a patch's minimum is set to zero
where its square is below λ/β, at the pixel that has it. That pixel is found without any bookkeeping of
positions. Each pixel bounds the minima of all patches that hold it from above, so it *is* the minimum of one
of them exactly if the largest of these minima equals it: where the image equals its morphological opening.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from invkit_photographs._fourier import Real, Size

LARGEST_PATCH = 35
"""The paper's patch, at all scales of its images of 255 pixels and more."""

PATCHES_A_SIDE = 7
"""How many patches lie side by side in smaller images; in the paper's of 255 pixels: 7.3."""


def patch_for(size: Size) -> int:
    """The side of the patch for an image: a seventh of its shorter side, odd, 3 to 35.

    Ours: 35 pixels cover the whole of a 32-pixel image, and then its least value says nothing of its blur.
    """
    return int(np.clip(min(size) // PATCHES_A_SIDE // 2 * 2 + 1, 3, LARGEST_PATCH))


def dark_channel(image: Real, patch: int) -> Real:
    """The minimum of every patch of ``patch × patch`` pixels, the image wrapping around.

    Args:
        image: (H, W).
        patch: odd; one larger than the image means all of it.
    """
    return np.asarray(ndimage.minimum_filter(image, _within(patch, image.shape), mode="wrap"))


def without_dark(image: Real, patch: int, threshold: float) -> Real:
    """The image with every pixel set to zero that is the minimum of a patch and whose square is below
    ``threshold``.

    Args:
        image: (H, W), wrapping around.
        patch: as in :func:`dark_channel`.
        threshold: λ/β, in squared units of the image.
    """
    minima = dark_channel(image, patch)
    opened = ndimage.maximum_filter(minima, _within(patch, image.shape), mode="wrap")
    return np.where((opened == image) & (image * image < threshold), image.dtype.type(0), image)


def otsu(values: Real) -> float:
    """Otsu's threshold of values in [0, 1] (those outside are clipped), by a histogram of 256 bins.

    The level between two bins for which the variance between the two classes is largest; the middle of them,
    where several are; 0 where all values fall into one bin. Source: Otsu 1979.
    """
    counts, edges = np.histogram(np.clip(values, 0, 1), bins=256, range=(0, 1))
    share = np.cumsum(counts / counts.sum())
    middles = (edges[1:] + edges[:-1]) / 2
    mean = np.cumsum(middles * counts / counts.sum())
    inside = share * (1 - share)
    between = np.zeros(256)
    usable = inside > 0
    between[usable] = (mean[-1] * share[usable] - mean[usable]) ** 2 / inside[usable]
    best = between.max()
    return float(edges[1:][between >= best * (1 - 1e-12)].mean()) if best > 0 else 0.0


def _within(patch: int, size: Size) -> Size:
    """A patch no larger than the image, odd."""
    return tuple(min(patch, length - 1 + length % 2) for length in size)
