"""How close an estimate is to the truth: PSNR, SSIM and kernel NCC, raw and modulo the ambiguities.

    psnr(x_hat, x)                                       # (n,) decibels, one per image of the batch
    comparison = compare(operator, estimate=(w_hat, x_hat), truth=(w, x))
    comparison.raw.psnr, comparison.aligned.psnr

A bilinear measurement has ambiguities: `(αw, x/α)` measures like `(w, x)`, and for a convolution so does a
kernel shifted one way with the image shifted the other. The aligned figures compare after the operator's own
declared `ambiguities` are undone; nothing else is fitted. Numpy arrays in, numpy arrays out; tensors in,
tensors out. Everything is computed in double precision and returned in the dtype of the estimate.
"""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.errors import InputError, ShapeError

Array = TypeVar("Array", Tensor, npt.NDArray[Any])
"""A torch tensor or a numpy array; a function gives back what it was given."""

_WINDOW, _SIGMA = 11, 1.5


def psnr(estimate: Array, truth: Array, peak: float = 1.0) -> Array:
    """Peak signal-to-noise ratio, `10 log10(peak² / mean((estimate − truth)²))`, of each signal of a batch.

    Args:
        estimate, truth: `(n, channels, *dims)`; the mean runs over channels and pixels together.
        peak: the largest value a signal can have.

    Returns:
        `(n,)` decibels; infinite where the two are equal.

    Raises:
        ShapeError: the shapes differ or have no batch axis.
        InputError: `peak` is not positive.
    """
    _check_peak(peak)
    a, b = _pair(estimate, truth)
    error = (a - b).flatten(1).square().mean(1)
    return _like(10 * torch.log10(peak**2 / error), estimate)


def ssim(estimate: Array, truth: Array, peak: float = 1.0) -> Array:
    """Structural similarity of each image of a batch, the mean over channels and window positions.

    Local means, variances and the covariance are weighted by a Gaussian window of 11×11 pixels, σ = 1.5, of
    unit sum; `C1 = (0.01 peak)²`, `C2 = (0.03 peak)²`; windows that leave the image are not counted.

    Args:
        estimate, truth: `(n, channels, height, width)`, at least 11×11 pixels.
        peak: the largest value an image can have.

    Returns:
        `(n,)` in [−1, 1]; 1 where the two are equal.

    Raises:
        ShapeError: the shapes differ, are not images, or are smaller than the window.
        InputError: `peak` is not positive.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004, equation (13) and Section III-C.
    """
    _check_peak(peak)
    a, b = _pair(estimate, truth)
    if a.ndim != 4 or min(a.shape[2:]) < _WINDOW:
        raise ShapeError(
            f"SSIM needs (n, channels, height, width) of at least 11×11 pixels, got {tuple(a.shape)}",
            hint="use psnr for smaller images and other signals",
        )
    # One channel a row: the window acts on each alone.  All five moments go through it together.
    a, b = a.flatten(0, 1), b.flatten(0, 1)
    mean_a, mean_b, aa, bb, ab = _blur(torch.stack((a, b, a * a, b * b, a * b), 1)).unbind(1)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    structure = (2 * (ab - mean_a * mean_b) + c2) / (aa - mean_a.square() + bb - mean_b.square() + c2)
    per_channel = (luminance * structure).flatten(1).mean(1)
    return _like(per_channel.reshape(estimate.shape[0], -1).mean(1), estimate)


def kernel_ncc(estimate: Array, truth: Array) -> Array:
    """Normalised cross-correlation at shift zero, `⟨k̂, k⟩ / (‖k̂‖ ‖k‖)`, of each kernel of a batch.

    Blind to positive scale: it compares modulo scaling, not modulo shift.  No mean is subtracted.

    Args:
        estimate, truth: `(n, channels, *dims)`.

    Returns:
        `(n,)` in [−1, 1], in [0, 1] for non-negative kernels; 1 for positive multiples; 0 where either is
        zero.

    Raises:
        ShapeError: the shapes differ or have no batch axis.
    """
    a, b = _pair(estimate, truth)
    inner = (a * b).flatten(1).sum(1)
    return _like(_normalised(inner, a, b).clamp(-1, 1), estimate)


def kernel_ncc_modulo_shift(estimate: Array, truth: Array) -> Array:
    """The largest normalised cross-correlation over all shifts of the estimate, zero outside its support.

    The shifts are whole pixels, the same for all channels, and not circular: what leaves the support is lost.

    Args:
        estimate, truth: `(n, channels, *dims)`.

    Returns:
        `(n,)` in [−1, 1], at least `kernel_ncc`; 0 where either is zero.

    Raises:
        ShapeError: the shapes differ or have no batch axis.
    """
    a, b = _pair(estimate, truth)
    dims = tuple(range(2, a.ndim))
    if not dims:
        raise ShapeError(f"a shift needs (n, channels, *dims), got {tuple(a.shape)}")
    size = [2 * n - 1 for n in a.shape[2:]]
    spectrum = torch.fft.rfftn(a, size, dims) * torch.fft.rfftn(b, size, dims).conj()
    inner = torch.fft.irfftn(spectrum, size, dims).sum(1).flatten(1).amax(1)
    return _like(_normalised(inner, a, b).clamp(-1, 1), estimate)


def align(
    operator: BilinearOperator, estimate: tuple[Array, Array], truth: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The estimate `(w, x)` moved along the operator's ambiguities to where it is closest to the truth.

    Each declared ambiguity's `align` is applied in the order declared, and then all once more: a scale fitted
    before the shift is undone is fitted to the wrong pixels. `A(w, x)` stays as it was, up to what a shift
    pushes off a kernel's support.

    Args:
        operator: declares its `ambiguities`.
        estimate: `(w, x)`, each `(n, channels, *dims)`.
        truth: `(w, x)` of the same shapes.

    Returns:
        The aligned `(w, x)`.

    Raises:
        ShapeError: the shapes differ.
    """
    w, w_true = _pair(estimate[0], truth[0])
    x, x_true = _pair(estimate[1], truth[1])
    if w.shape[0] != x.shape[0]:
        raise ShapeError(f"got {w.shape[0]} of w and {x.shape[0]} of x", hint="give one w for each x")
    for ambiguity in (*operator.ambiguities, *operator.ambiguities):
        w, x = ambiguity.align(w, x, w_true, x_true)
    return _like(w, estimate[0]), _like(x, estimate[1])


@attrs.frozen(eq=False)
class Scores:
    """The three figures of a batch of estimates.

    Args:
        psnr: `(n,)` of `x`, decibels.
        ssim: `(n,)` of `x`; None where `x` is no image of at least 11×11 pixels.
        kernel_ncc: `(n,)` of `w`, at shift zero.
    """

    psnr: Any
    ssim: Any | None
    kernel_ncc: Any


@attrs.frozen(eq=False)
class Comparison:
    """Estimates against the truth.

    Args:
        raw: the estimates as they are.
        aligned: after `align`, that is, modulo the group actions named in `modulo`, each undone by its own
            rule (scaling: the least-squares multiple of `x`; a convolution's shift: as that operator
            documents), and modulo nothing else: no intensity offset, no sub-pixel shift, no cropping of
            borders.
        modulo: the names of the operator's ambiguities, in the order undone.
    """

    raw: Scores
    aligned: Scores
    modulo: tuple[str, ...]


def compare(
    operator: BilinearOperator, estimate: tuple[Array, Array], truth: tuple[Array, Array], peak: float = 1.0
) -> Comparison:
    """PSNR and SSIM of `x` and NCC of `w`, raw and modulo the operator's ambiguities: see `Comparison`.

    Args:
        operator: declares its `ambiguities`.
        estimate: `(w, x)`, each `(n, channels, *dims)`.
        truth: `(w, x)` of the same shapes.
        peak: the largest value `x` can have.

    Raises:
        ShapeError: the shapes differ.
        InputError: `peak` is not positive.
    """
    aligned = align(operator, estimate, truth)
    modulo = tuple(ambiguity.name for ambiguity in operator.ambiguities)
    return Comparison(_scores(estimate, truth, peak), _scores(aligned, truth, peak), modulo)


def _scores(estimate: tuple[Array, Array], truth: tuple[Array, Array], peak: float) -> Scores:
    (w, x), (w_true, x_true) = estimate, truth
    is_image = x.ndim == 4 and min(x.shape[2:]) >= _WINDOW
    return Scores(psnr(x, x_true, peak), ssim(x, x_true, peak) if is_image else None, kernel_ncc(w, w_true))


def _blur(images: Tensor) -> Tensor:
    """Correlate `(n, k, height, width)` with the Gaussian window, valid positions only; separable."""
    offsets = torch.arange(_WINDOW, dtype=images.dtype, device=images.device) - _WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    rows = images.flatten(0, 1).unsqueeze(1)
    rows = torch.nn.functional.conv2d(rows, weights.reshape(1, 1, -1, 1))
    rows = torch.nn.functional.conv2d(rows, weights.reshape(1, 1, 1, -1))
    return rows.reshape(*images.shape[:2], *rows.shape[2:])


def _normalised(inner: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`inner / (‖a‖ ‖b‖)`, and 0 where a norm is 0: nothing agrees with nothing."""
    norms = a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1)
    return torch.where(norms > 0, inner / norms, torch.zeros_like(inner))


def _pair(estimate: Array, truth: Array) -> tuple[Tensor, Tensor]:
    """Both as double tensors of one shape."""
    if tuple(estimate.shape) != tuple(truth.shape) or estimate.ndim < 2:
        raise ShapeError(
            f"expected estimate and truth of one shape (n, channels, *dims), got {tuple(estimate.shape)} and "
            f"{tuple(truth.shape)}",
            hint="add the batch axis, or crop to the common part",
        )
    a = _double(estimate)
    return a, _double(truth).to(a.device)


def _double(array: Array) -> Tensor:
    # Copied: torch warns of read-only numpy arrays and refuses negative strides.
    return (
        array.double()
        if isinstance(array, Tensor)
        else torch.from_numpy(np.array(array, np.float64, order="C"))
    )


def _like(result: Tensor, estimate: Array) -> Array:
    """The result as the kind of array that came in, of its dtype where that is floating."""
    if isinstance(estimate, Tensor):
        return result.to(estimate.dtype if estimate.is_floating_point() else torch.get_default_dtype())
    kind = estimate.dtype if np.issubdtype(estimate.dtype, np.floating) else np.dtype(np.float32)
    return result.numpy().astype(kind)


def _check_peak(peak: float) -> None:
    if not peak > 0:
        raise InputError(f"expected a positive peak, got {peak}", hint="images in [0, 1] have peak=1.0")
