"""Images up to a shift of a fraction of a pixel, borders left out: the protocol of Levin et al.

    moved = shift_align(x_hat, x)                # within ±5 pixels in steps of ¼, 15 pixels cropped
    psnr(moved.estimate, moved.truth), ssim(moved.estimate, moved.truth), moved.shift
    psnr_modulo_shift(x_hat, x)                  # the first of these at once

A photograph's kernel is known up to a shift, and its borders are blurred from what the picture does not
show. So the estimate is moved to where it fits best and only the middle is compared: with the estimate
`x̂_s[p] = x̂[p + s]`, interpolated linearly between its pixels,

    s = argmin Σ_p (x̂_s[p] − x[p])²    over s ∈ {−reach, −reach + step, …, reach}², p `border` inside.

Source: A. Levin, Y. Weiss, F. Durand, W. T. Freeman, "Understanding and evaluating blind deconvolution
algorithms", CVPR 2009, Section 4, and their public evaluation code, whose steps, reach and border are the
defaults here.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import attrs
import torch
from torch import Tensor

from invkit.arguments import as_count
from invkit.errors import InputError, ShapeError
from invkit.metrics._arrays import Array, Number, Signals, checked_peak, like, pair
from invkit.metrics.images import psnr, ssim


@attrs.frozen(eq=False)
class ShiftAligned:
    """The middles of images, the estimates' moved to where they fit the truth best.

    Args:
        estimate: in the layout given, `height − 2 border` by `width − 2 border` pixels, interpolated.
        truth: the same part of the truth.
        shift: pixels down and to the right, `(2,)` for one image, `(n, 2)` for a batch: `estimate[p]` was at
            `p + shift`.
    """

    estimate: Any
    truth: Any
    shift: Any


def shift_align(
    estimate: Array, truth: Signals, *, reach: Number = 5.0, step: Number = 0.25, border: int = 15
) -> ShiftAligned:
    """The estimates moved by the shift of least squared error, the same for all channels, and cropped.

    All shifts are tried. The 1,681 of the defaults, on a grey image of 255×255 pixels, take a core about a
    second. An image with NaN or infinite values is NaN throughout, and so is its shift.

    Args:
        estimate, truth: `(height, width)`, `(channels, height, width)` or `(n, channels, height, width)`.
        reach: the largest shift along an axis, pixels.
        step: between the shifts tried, pixels; a whole number of steps makes a pixel.
        border: pixels left out on every side, at least `reach`: no shift reads beyond the image.

    Raises:
        ShapeError: the shapes differ, are none of these layouts, or have nothing left inside the border.
        InputError: a reach below 0 or beyond the border, or a step that does not divide a pixel; complex
            values, or integers beside floating point.
    """
    a, b = pair(estimate, truth)
    _check(tuple(a.shape), reach, step, border)
    middle = b[..., border : b.shape[2] - border, border : b.shape[3] - border]
    found = [_best(one, other, reach, step, border) for one, other in zip(a, middle, strict=True)]
    moved, shifts = torch.stack([moved for moved, _ in found]), torch.stack([shift for _, shift in found])
    return ShiftAligned(
        like(moved, estimate, signals=True), like(middle, estimate, signals=True), like(shifts, estimate)
    )


def psnr_modulo_shift(
    estimate: Array,
    truth: Signals,
    peak: Number | None = None,
    *,
    reach: Number = 5.0,
    step: Number = 0.25,
    border: int = 15,
) -> Array:
    """`psnr` of the middles after `shift_align`; arguments, layouts and errors are those of both."""
    peak = checked_peak(peak, estimate)
    moved = shift_align(estimate, truth, reach=reach, step=step, border=border)
    result: Array = psnr(moved.estimate, moved.truth, peak)
    return result


def ssim_modulo_shift(
    estimate: Array,
    truth: Signals,
    peak: Number | None = None,
    *,
    reach: Number = 5.0,
    step: Number = 0.25,
    border: int = 15,
) -> Array:
    """`ssim` of the middles after `shift_align`; arguments, layouts and errors are those of both."""
    peak = checked_peak(peak, estimate)
    moved = shift_align(estimate, truth, reach=reach, step=step, border=border)
    result: Array = ssim(moved.estimate, moved.truth, peak)
    return result


def _best(image: Tensor, middle: Tensor, reach: Number, step: Number, border: int) -> tuple[Tensor, Tensor]:
    """The middle of one image, (channels, height, width), after its best shift, and that shift."""
    if not (image.isfinite().all() and middle.isfinite().all()):
        return torch.full_like(middle, torch.nan), middle.new_full((2,), torch.nan)
    phases = round(1 / step)
    fractions = list(product(range(phases), repeat=2))
    moved = torch.stack([_interpolated(image, down / phases, right / phases) for down, right in fractions])
    height, width = middle.shape[1:]
    whole = range(-math.ceil(reach), math.floor(reach) + 1)
    # The smallest shifts first: of several that fit equally well, the first is taken.
    offsets = sorted(product(whole, repeat=2), key=lambda offset: offset[0] ** 2 + offset[1] ** 2)
    least, best, shift = math.inf, image[:, border:, border:][:, :height, :width], (0.0, 0.0)
    for down, right in offsets:
        windows = moved[..., border + down :, border + right :][..., :height, :width]
        errors = (windows - middle).square().flatten(1).sum(1).tolist()
        for window, fraction, error in zip(windows, fractions, errors, strict=True):
            at = (down + fraction[0] / phases, right + fraction[1] / phases)
            if error < least and max(map(abs, at)) <= reach + 1e-9:
                least, best, shift = error, window, at
    return best, torch.tensor(shift, dtype=image.dtype, device=image.device)


def _interpolated(image: Tensor, down: float, right: float) -> Tensor:
    """`image[p + (down, right)]` for fractions of a pixel, linear between pixels.

    The last row and column, whose neighbours the image does not have, are repeated: no window reads them
    moved by a fraction, since the border is at least the reach.
    """
    for axis, fraction in ((1, down), (2, right)):
        following = image.narrow(axis, 1, image.shape[axis] - 1)
        following = torch.cat([following, image.narrow(axis, image.shape[axis] - 1, 1)], axis)
        image = (1 - fraction) * image + fraction * following
    return image


def _check(shape: tuple[int, ...], reach: Number, step: Number, border: int) -> None:
    as_count(border, "border", least=0)
    if min(shape[2:]) <= 2 * border:
        raise ShapeError(
            f"images of {shape[2]}×{shape[3]} pixels have nothing left inside a border of {border}",
            hint="give a smaller border and reach, e.g. reach=2, border=2",
        )
    if not 0 <= reach <= border:
        raise InputError(
            f"reach={reach} with border={border}: shifts would read beyond the image",
            hint="give 0 ≤ reach ≤ border",
        )
    if not (0 < step <= 1 and abs(1 / step - round(1 / step)) < 1e-9):
        raise InputError(f"step={step} does not divide a pixel", hint="give 1, 0.5, 0.25, …")
