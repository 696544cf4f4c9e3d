"""Error ratios: how much worse an image is than what the true kernel would have given. Two definitions.

    squared_error_ratio(x_hat, x_known, x)       # Levin et al.: summed squared errors
    spectral_error_ratio(x_hat, x_known, x)      # spectral norms: the published tables of recent papers

`x_known` is the same non-blind deconvolution with the true kernel. A part of the error is due to the
deconvolution and not to the kernel; dividing by `x_known`'s error takes it out. Both images are first
moved by quarter pixels to where they fit the truth and their borders are cropped (`shift_align`), each for
itself. **The two definitions give different numbers** for the same images: where errors are alike but in
size, the first is the square of the second.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, Number, Signals, like, pair
from invkit.metrics.shifts import shift_align


def squared_error_ratio(
    estimate: Array,
    estimate_known: Signals,
    truth: Signals,
    *,
    reach: Number = 5.0,
    step: Number = 0.25,
    border: int = 15,
) -> Array:
    """Levin's error ratio, `‖x̂ − x‖² / ‖x̂_known − x‖²`, sums of squares over channels and pixels.

    Levin et al. call a result with a ratio above 3 a failure.

    Args:
        estimate: deconvolved with the estimated kernel, `(height, width)`, `(channels, height, width)` or
            `(n, channels, height, width)`.
        estimate_known: the same deconvolution's result with the true kernel, of the same shape.
        truth: the sharp images, of the same shape.
        reach, step, border: see `shift_align`.

    Returns:
        `()` for one image, `(n,)` for a batch; 1 where the estimated kernel serves as well as the true one.

    Raises:
        ShapeError, InputError: as `shift_align`.

    Source: Levin, Weiss, Durand, Freeman, CVPR 2009, Section 4 (and CVPR 2011).
    """
    found, known = _errors(estimate, estimate_known, truth, reach, step, border)
    return like(found.flatten(1).square().sum(1) / known.flatten(1).square().sum(1), estimate)


def spectral_error_ratio(
    estimate: Array,
    estimate_known: Signals,
    truth: Signals,
    *,
    reach: Number = 5.0,
    step: Number = 0.25,
    border: int = 15,
) -> Array:
    """The ratio of the spectral norms (largest singular values) of the two error images, as matrices.

    Published tables on Levin's images compare these (among them those with 1.255 for the dark channel prior
    and 1.196 for SelfDeblur, whose public script takes this norm).

    Arguments, result and errors are those of `squared_error_ratio`. Images of more than one channel are a
    `ShapeError`.
    """
    channels = pair(estimate, truth)[0].shape[1]
    if channels != 1:
        raise ShapeError(
            f"the spectral norm is that of one matrix, but the images have {channels} channels",
            hint="convert them to grey, or use squared_error_ratio",
        )
    found, known = _errors(estimate, estimate_known, truth, reach, step, border)
    return like(_spectral_norm(found) / _spectral_norm(known), estimate)


def _errors(
    estimate: Signals, estimate_known: Signals, truth: Signals, reach: Number, step: Number, border: int
) -> tuple[Tensor, Tensor]:
    """Both error images, `(n, channels, height, width)`, after alignment, in double precision."""
    pairs = pair(estimate, truth), pair(estimate_known, truth)
    moved = (shift_align(a, b, reach=reach, step=step, border=border) for a, b in pairs)
    found, with_known = (each.estimate - each.truth for each in moved)
    return found, with_known


def _spectral_norm(error: Tensor) -> Tensor:
    """`(n,)`, NaN for an image with NaN, which alone the decomposition would refuse for all of the batch."""
    finite = error.isfinite().all(-1).all(-1)[:, 0]
    norms = torch.linalg.matrix_norm(error[:, 0].nan_to_num(), ord=2)
    return torch.where(finite, norms, torch.full_like(norms, torch.nan))
