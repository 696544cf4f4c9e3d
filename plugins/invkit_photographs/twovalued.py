"""Text and drawings: of several kernels, the one that leaves the picture nearest to two values.

    page = read(grey, sigma, 45)
    page.kernel, page.spread                 # (p, p), odd; how far the picture is from ink and paper

The evidence of :mod:`invkit_photographs.view` supposes the derivatives of photographs. Of text it may prefer
a wrong kernel. Here a kernel is judged by the picture x that it leaves, by total variation. With a < b the
means of x's dark and of its light pixels,

    spread(x) = mean_p min((x_p − a)², (x_p − b)²) / ((b − a) / 2)²,

which is 0 of two values alone, and 1/3 of values that are spread evenly. A blurry page has greys
along every stroke, and a wrong kernel leaves ghosts: both are spread.

The kernels come from :mod:`invkit_photographs.pyramid`, three of each support: with the dark channel, and
with that of single pixels, which is the intensity itself, of the picture and of its negative. Which one finds
the kernel is chance. Each is refined as long as the spread falls: x moves towards its values,

    x' = a + (b − a) / (1 + exp(−8 (x − (a + b)/2) / (b − a))),

and the next kernel is that of least squares between the gradients of x' and of y
(:mod:`invkit_photographs.kernel_step`).

Source of the search: J. Pan, Z. Hu, Z. Su and M.-H. Yang, "Deblurring text images via L0-regularized
intensity and gradient prior", CVPR 2014. The judge, the refinement and the confidence are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import inf, isfinite

import attrs
import numpy as np

from invkit_photographs._fourier import Real, forward
from invkit_photographs.boundary import fast_size
from invkit_photographs.final import SMALLEST_TV, TV_PER_NOISE, total_variation
from invkit_photographs.kernel_step import estimate_kernel, gradients, pruned, recentred
from invkit_photographs.pyramid import Settings, coarse_to_fine

__all__ = ["Page", "certainty", "read", "spread"]

#: pixels a side of the part of a picture that is read
PART = 256
#: sides of the kernels that are looked for, as far as they fit
SIDES = (15, 27, 45)
#: a kernel is refined in so many rounds at most; the steepness 8 in x'; the weight γ of the kernel step
_ROUNDS, _STEEP, _WEIGHT = 6, 8.0, 2.0
#: the two means are found in so many passes at most; values less apart than this are one value
_MEANS, _FLAT = 30, 1e-3
#: the searches of each support: whether in the negative, and with which constants
_SEARCHES = ((False, Settings()), (False, Settings(patch=1)), (True, Settings(patch=1)))
#: a page of less spread may be sharp: it is if the kernel has more than this in one pixel
SHARP, PIXEL = 0.1, 0.4
#: the constants of :func:`certainty`, in its formula from left to right; and what no divisor falls below
_EVEN, _SLOPE, _LEFT, _STRICT, _TINY = 0.055, 3.0, 0.75, 12.0, 1e-12

Tell = Callable[[Real, str], None]


@attrs.frozen(eq=False)
class Page:
    """The best kernel of a page, and the picture's spread with it and without it.

    Args:
        kernel: (p, p), p odd, unit sum.
        spread: of the picture that it leaves.
        before: the spread of the picture as it was.
    """

    kernel: Real
    spread: float
    before: float

    @property
    def sharp(self) -> bool:
        """Whether the picture has nearly two values already, and the kernel is little else than a pixel."""
        return self.before < SHARP and float(self.kernel.max()) > PIXEL


def read(grey: Real, sigma: float, side: int, tell: Tell = lambda kernel, stage: None) -> Page:
    """The kernel of a blurry page.

    Args:
        grey: (H, W) in [0, 1].
        sigma: the standard deviation of the noise.
        side: of the largest kernel that is looked for, odd.
        tell: told each kernel that is found, and what it is.
    """
    weight = max(TV_PER_NOISE * sigma, SMALLEST_TV)
    best = Page(np.ones((1, 1), grey.dtype), inf, spread(grey)[0])
    sides = [each for each in SIDES if each <= side] or [side]
    for support, (negative, settings) in product(sides, _SEARCHES):
        seen = 1 - grey if negative else grey
        for state in coarse_to_fine(seen, (support, support), settings, wrap=False):
            kernel = state.kernel
        for refined, left in _refined(grey, recentred(kernel), weight):
            if left < best.spread:
                best = attrs.evolve(best, kernel=refined, spread=left)
        tell(best.kernel, f"{support}-pixel kernels")
    return best


def _refined(grey: Real, kernel: Real, weight: float) -> Iterator[tuple[Real, float]]:
    """Kernels and their spreads, beginning with a kernel, as long as the spread falls."""
    size, spectra, least = fast_size(grey.shape, kernel.shape), forward(gradients(grey)), inf
    for _ in range(_ROUNDS + 1):
        x = total_variation(grey, size, kernel, weight)[: grey.shape[0], : grey.shape[1]]
        left, (low, high) = spread(x)
        if not left < least:
            return
        yield kernel, left
        least, steep = left, _STEEP / (high - low)
        sharper = low + (high - low) / (1 + np.exp(-steep * (x - (low + high) / 2)))
        edges = gradients(sharper.astype(grey.dtype))
        kernel = recentred(pruned(estimate_kernel(spectra, edges, kernel.shape, _WEIGHT)))


def spread(x: Real) -> tuple[float, tuple[float, float]]:
    """The spread of an image about its two values, and the values: Lloyd's two means, from 5 % and 95 %, or
    from the least and the largest value where those are alike.

    Infinite where the image has one value alone.
    """
    values = np.clip(x, 0, 1).ravel().astype(np.float64)
    low, high = np.percentile(values, [5, 95])
    if high - low <= _FLAT:  # little ink
        low, high = values.min(), values.max()
    for _ in range(_MEANS):
        dark = values < (low + high) / 2
        if dark.all() or not dark.any():
            break
        before, (low, high) = (low, high), (values[dark].mean(), values[~dark].mean())
        if before == (low, high):
            break
    if high - low <= _FLAT:
        return inf, (float(low), float(high))
    nearest = np.minimum((values - low) ** 2, (values - high) ** 2)
    return float(nearest.mean() / ((high - low) / 2) ** 2), (float(low), float(high))


def certainty(page: Page) -> float:
    """How sure the kernel is, in [0, 1]: ``1 / (1 + (q / 0.055)³) / (1 + (r / 0.75)¹²)``.

    A right kernel leaves little grey, and notably less than there was: r = spread / before, q = r · spread.
    The numbers were set by hand, on a dozen pages, ten photographs of BSDS500's training half and a drawing
    of three lines, so this is a rule of thumb and no probability. ``invkit bench text`` counts how often it
    is wrong on other pages.
    """
    if not (isfinite(page.spread) and isfinite(page.before)):
        return 0.0
    share = page.spread / max(page.before, _TINY)
    little, less = (share * page.spread / _EVEN) ** _SLOPE, (share / _LEFT) ** _STRICT
    return 1 / (1 + little) / (1 + less)
