"""The noise of an image, from the image alone.

    sigma = noise_level(grey)            # e.g. 0.01: one percent

A blurry image has next to nothing at the finest scale, so that what is there is noise: its response to a mask
that is blind to planes, edges along the axes included,

     1 −2  1
    −2  4 −2      has the standard deviation 6σ where the noise is white and normal.
     1 −2  1

The median of the absolute values stands for it (divided by 0.6745), since a few edges must not count. Source:
Immerkær, "Fast noise variance estimation", 1996 (there the mean, of absolute values that edges add to).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from invkit_darkprior._fourier import Real

MASK = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
NORMAL_MEDIAN = 0.6745
"""The median absolute value of a standard normal variable."""


def noise_level(image: Real) -> float:
    """The standard deviation of the noise of an image (H, W), each side at least 3 pixels."""
    response = ndimage.convolve(image, MASK.astype(image.dtype))[1:-1, 1:-1]
    return float(np.median(np.abs(response)) / NORMAL_MEDIAN / np.linalg.norm(MASK))
