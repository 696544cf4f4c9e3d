"""Continuing an image smoothly and periodically, so that the DFT sees no edge at its border.

    extended = extend(image, (288, 288))         # image 255 × 255 in the corner, 33 rows and columns of fill
    extended[:255, :255] is the image; what follows leads from its last row back to its first

A camera's picture does not wrap around. Deconvolving it by the DFT all the same, as if it did, makes ringing
from the jump at its border. The fill is harmonic, ``Δu = 0``: the smoothest surface between the borders that
it joins. It has three parts: below the image (from its last row to its first), to the right of it (from its
last column to its first), and the corner, bounded by the other two. The two ends of the first two, where no
pixel is known, are straight lines between the image's corners. Each part is solved exactly and at once by the
sine transform.

Source: Liu and Jia, "Reducing boundary artifacts in image deconvolution", ICIP 2008: the same tiles, from
which they too minimise a Laplacian.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from invkit.errors import ShapeError
from invkit_photographs._fourier import Real, Size


def fast_size(image: Size, kernel: Size) -> Size:
    """A size that holds the image and a border as wide as the kernel, and whose DFT is fast."""
    return tuple(fft.next_fast_len(n + k, real=True) for n, k in zip(image, kernel, strict=True))


def extend(image: Real, size: Size) -> Real:
    """The image in the first rows and columns of a periodic one of ``size``, the rest filled harmonically.

    Args:
        image: (H, W), at least one pixel each way.
        size: of the result, at least (H, W).

    Raises:
        ShapeError: ``size`` is smaller than the image.
    """
    height, width = image.shape
    more_y, more_x = size[0] - height, size[1] - width
    if min(more_y, more_x) < 0:
        raise ShapeError(f"an image of {image.shape} does not fit into {size}", hint="give a larger size")
    result = np.empty(size, image.dtype)
    result[:height, :width] = image
    last, first = image[-1], image[0]
    result[height:, :width] = harmonic(
        last, first, _between(last[0], first[0], more_y), _between(last[-1], first[-1], more_y)
    )
    right, left = image[:, -1], image[:, 0]
    result[:height, width:] = harmonic(
        _between(right[0], left[0], more_x), _between(right[-1], left[-1], more_x), right, left
    )
    result[height:, width:] = harmonic(
        result[height - 1, width:], result[0, width:], result[height:, width - 1], result[height:, 0]
    )
    return result


def harmonic(top: Real, bottom: Real, left: Real, right: Real) -> Real:
    """The solution of ``Δu = 0`` inside a rectangle with the given rows and columns around it.

    With the five-point Laplacian, ``4u[i, j] = u[i − 1, j] + u[i + 1, j] + u[i, j − 1] + u[i, j + 1]`` at
    each pixel. Its eigenvectors are the products of sines: two sine transforms solve it.

    Args:
        top, bottom: the rows above and below, (W,).
        left, right: the columns on both sides, (H,).

    Returns:
        (H, W), what lies between; empty where H or W is 0.
    """
    height, width = len(left), len(top)
    source = np.zeros((height, width), np.float64)
    if source.size == 0:
        return source.astype(top.dtype)
    source[0] += top
    source[-1] += bottom
    source[:, 0] += left
    source[:, -1] += right
    waves = [4 * np.sin(np.pi * np.arange(1, n + 1) / (2 * (n + 1))) ** 2 for n in (height, width)]
    spectrum = fft.dstn(source, type=1) / (waves[0][:, None] + waves[1])
    return np.asarray(fft.idstn(spectrum, type=1)).astype(top.dtype)


def _between(begin: np.floating, end: np.floating, count: int) -> Real:
    """``count`` points on the straight line strictly between two values."""
    return np.linspace(begin, end, count + 2)[1:-1]
