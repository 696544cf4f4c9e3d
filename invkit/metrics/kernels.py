"""Metrics of kernels: the normalised cross-correlation, at shift zero and at the best shift.

Kernels of different size are compared on one support: their origins, the pixels `size // 2` of each axis,
coincide, and outside its support a kernel is zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, Signals, like, pair


def kernel_ncc(estimate: Array, truth: Signals, *, dims: int = 2) -> Array:
    """Normalised cross-correlation of each kernel at shift zero, `⟨k̂, k⟩ / (‖k̂‖ ‖k‖)`.

    Blind to positive scale: it compares modulo scaling, not modulo shift. No mean is subtracted. Where one
    is complex it is the modulus, which is blind to complex scale.

    Args:
        estimate, truth: `(*dims)`, `(channels, *dims)` or `(n, channels, *dims)`; the sizes may differ.
        dims: axes of a kernel after its channels: 1 for signals, 2 for images.

    Returns:
        In [−1, 1], `()` for one kernel, `(n,)` for a batch. Non-negative kernels have at least 0, positive
        multiples 1; where either is zero it is 0.

    Raises:
        ShapeError: the layouts or channels differ, or are none of these layouts.
        InputError: integers beside floating point.
    """
    a, b = pair(estimate, truth, dims, pad=True, complex_too=True)
    inner = (a.conj() * b).flatten(1).sum(1)
    return like(_normalised(inner.abs() if inner.is_complex() else inner, a, b), estimate, dims)


def kernel_ncc_modulo_shift(estimate: Array, truth: Signals, *, dims: int = 2) -> Array:
    """The largest normalised cross-correlation over all shifts of the estimate, zero outside its support.

    The shifts are whole pixels, the same for all channels, and not circular: what leaves the support is lost.

    Arguments, layouts and errors are those of `kernel_ncc`; `dims` is at least 1. The result is in [−1, 1]
    and never less than `kernel_ncc`.
    """
    if not dims:
        raise ShapeError("kernels without axes cannot be shifted, got dims=0", hint="use kernel_ncc")
    a, b = pair(estimate, truth, dims, pad=True)
    axes, size = tuple(range(2, a.ndim)), [2 * n - 1 for n in a.shape[2:]]
    spectrum = torch.fft.rfftn(a, size, axes) * torch.fft.rfftn(b, size, axes).conj()
    inner = torch.fft.irfftn(spectrum, size, axes).sum(1).flatten(1).amax(1)
    return like(_normalised(inner, a, b), estimate, dims)


def _normalised(inner: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`inner / (‖a‖ ‖b‖)` in [−1, 1], and 0 where a norm is 0: nothing agrees with nothing."""
    norms = a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1)
    return torch.where(norms == 0, torch.zeros_like(inner), inner / norms).clamp(-1, 1)
