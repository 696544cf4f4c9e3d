"""One measurement and how it lies in its image; kernels between their support and their odd, centred form.

picture = Picture(y, frame, (255, 255))            # y: (c, H, W)
periodic = extend(y[0], picture.periodic_size((27, 27)))       # wraps around as it is, or continued
x = picture.placed(periodic)                       # the image that the prior asks for, (h, w)
centred(w[0]), on_support(kernel, (28, 28))        # (29, 29) from (28, 28) and back
"""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np
from scipy import ndimage

from invkit_photographs._fourier import Real, Size
from invkit_photographs.boundary import extend, fast_size
from invkit_photographs.frame import Frame

LUMA = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue (ITU-R BT.601)."""


@attrs.frozen(eq=False)
class Picture:
    """A measurement ``y`` (c, H, W), its frame, and the size (h, w) of the image that it shows."""

    y: Real
    frame: Frame
    size: Size

    @property
    def grey(self) -> Real:
        """The luma of three channels, the mean of any other number, (H, W)."""
        weights = LUMA if len(self.y) == 3 else np.full(len(self.y), 1 / len(self.y))
        return np.tensordot(weights.astype(self.y.dtype), self.y, 1)

    def periodic_size(self, kernel: Size) -> Size:
        """The size of what wraps around: the measurement's where it does, with room for a kernel else."""
        if self.frame.wraps:
            return self.size
        return fast_size(tuple(map(max, self.y.shape[1:], self.size)), kernel)

    def placed(self, periodic: Real) -> Real:
        """The image's part (h, w) of something periodic that begins where the measurement begins."""
        for axis, (length, offset) in enumerate(zip(self.size, self.frame.offset, strict=True)):
            periodic = periodic.take(np.arange(length) - offset, axis, mode="wrap")
        return periodic

    def blurry(self, change: Real | float = 0.0) -> Real:
        """The measurement, plus a change, as an image (c, h, w), continued where it has no pixels."""
        size = self.periodic_size((1, 1))
        return np.stack([self.placed(extend(channel + change, size)) for channel in self.y])

    def in_colour(self, latent: Real) -> Real:
        """A sharp grey image of any scale at full size, with the measurement's colours, (c, h, w).

        It is what stands where the final deconvolution has not been reached: ``y + (latent − grey)``.
        """
        grey = self.grey
        return self.blurry((latent if latent.shape == grey.shape else resampled(latent, grey.shape)) - grey)


def resampled(image: Real, size: Size, mode: Literal["grid-wrap", "nearest"] = "nearest") -> Real:
    """An image sampled linearly at ``size``, pixel centres keeping their relative places."""
    places = [(np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(size, image.shape, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(image, grid, order=1, mode=mode))


def largest_odd(support: Size) -> Size:
    """The sides of the largest odd kernel about the pixel ``size // 2`` that fits into a support."""
    return tuple(side - 1 + side % 2 for side in support)


def on_support(kernel: Real, support: Size) -> Real:
    """A centred kernel of odd sides on a larger support, its middle at the pixel ``size // 2``."""
    return np.pad(kernel, margins(support, kernel.shape))


def margins(support: Size, part: Size) -> list[tuple[int, int]]:
    """How much of a support lies before and after a part of it whose middle is the support's."""
    return [(n // 2 - k // 2, (n + 1) // 2 - (k + 1) // 2) for n, k in zip(support, part, strict=True)]


def centred(kernel: Real) -> Real:
    """A kernel about its pixel ``size // 2`` as one of odd sides: even ones get a row or column of zeros."""
    return np.pad(kernel, [(0, 1 - length % 2) for length in kernel.shape])
