"""Metrics of images as they are: PSNR, SSIM, the per-pixel reconstruction error of the paper's Table 3."""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, Number, Signals, checked_peak, like, pair

WINDOW, _SIGMA = 11, 1.5
"""The window of the structural similarity: its side and its standard deviation in pixels."""


def psnr(estimate: Array, truth: Signals, peak: Number | None = None, *, dims: int = 2) -> Array:
    """Peak signal-to-noise ratio of each signal, `10 log10(peak² / mean(|estimate − truth|²))`.

    Args:
        estimate, truth: `(*dims)`, `(channels, *dims)` or `(n, channels, *dims)`; the mean runs over channels
            and pixels together.
        peak: the largest value a signal can have; 1 for floating point unless given.
        dims: axes of a signal after its channels: 1 for signals, 2 for images.

    Returns:
        Decibels, `()` for one signal, `(n,)` for a batch; infinite where the two are equal.

    Raises:
        ShapeError: the shapes differ or are none of these layouts.
        InputError: `peak` is not positive, or missing for integers.
    """
    a, b = pair(estimate, truth, dims, complex_too=True)
    peak = checked_peak(peak, estimate)
    error = (a - b).abs().flatten(1).square().mean(1)
    return like(10 * torch.log10(peak**2 / error), estimate, dims)


def ssim(estimate: Array, truth: Signals, peak: Number | None = None) -> Array:
    """Structural similarity of each image, the mean over channels and window positions.

    Local means, variances and the covariance are weighted by a Gaussian window of 11×11 pixels, σ = 1.5, of
    unit sum; `C1 = (0.01 peak)²`, `C2 = (0.03 peak)²`; windows that leave the image are not counted.

    Args:
        estimate, truth: `(height, width)`, `(channels, height, width)` or `(n, channels, height, width)`, at
            least 11×11 pixels.
        peak: the largest value an image can have; 1 for floating point unless given.

    Returns:
        In [−1, 1], `()` for one image, `(n,)` for a batch; 1 where the two are equal.

    Raises:
        ShapeError: the shapes differ, are none of these layouts, or are smaller than the window.
        InputError: `peak` is not positive, or missing for integers; or the values are complex.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004, equation (13) and Section III-C.
    """
    a, b = pair(estimate, truth)
    peak, count = checked_peak(peak, estimate), len(a)
    if min(a.shape[2:]) < WINDOW:
        raise ShapeError(
            f"SSIM needs images of at least 11×11 pixels, got the shape {tuple(estimate.shape)}",
            hint="use psnr for smaller images and other signals",
        )
    # One channel a row: the window acts on each alone.  All five moments go through it together.
    a, b = a.flatten(0, 1), b.flatten(0, 1)
    mean_a, mean_b, aa, bb, ab = _blur(torch.stack((a, b, a * a, b * b, a * b), 1)).unbind(1)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    structure = (2 * (ab - mean_a * mean_b) + c2) / (aa - mean_a.square() + bb - mean_b.square() + c2)
    per_channel = (luminance * structure).flatten(1).mean(1)
    return like(per_channel.reshape(count, -1).mean(1), estimate)


def per_pixel_error(estimate: Array, truth: Signals, *, dims: int = 2) -> Array:
    """The paper's per-pixel reconstruction error of each signal, `‖x − x̂‖₂ / N`.

    N counts the values of an image, channels included. The norm is not squared: for values in [0, 1] it is
    the root mean square error divided by √N, so that figures of images of different sizes do not compare. The
    paper prints the norm and "average (per pixel)" and no formula. It was read so because its other figures
    then fit: CelebA's 0.000671 is 22.6 dB, where Table 1 has 23.5 dB; as a mean squared error it were 31.7.

    Args:
        estimate, truth, dims: as `psnr`, with the same errors.

    Returns:
        In units of the signal, `()` for one signal, `(n,)` for a batch.

    Source: arXiv 1802.04073, Section 4.4 and Table 3.
    """
    a, b = pair(estimate, truth, dims, complex_too=True)
    error = (a - b).flatten(1)
    return like(torch.linalg.vector_norm(error, dim=1) / error.shape[1], estimate, dims)


def _blur(images: Tensor) -> Tensor:
    """Correlate `(n, k, height, width)` with the Gaussian window, valid positions only; separable."""
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    rows = images.flatten(0, 1).unsqueeze(1)
    rows = torch.nn.functional.conv2d(rows, weights.reshape(1, 1, -1, 1))
    rows = torch.nn.functional.conv2d(rows, weights.reshape(1, 1, 1, -1))
    return rows.reshape(*images.shape[:2], *rows.shape[2:])
