"""Metrics of kernels: the normalised cross-correlation, at shift zero and at the best shift."""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, like, pair


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
    a, b = pair(estimate, truth)
    inner = (a * b).flatten(1).sum(1)
    return like(_normalised(inner, a, b).clamp(-1, 1), estimate)


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
    a, b = pair(estimate, truth)
    dims = tuple(range(2, a.ndim))
    if not dims:
        raise ShapeError(f"a shift needs (n, channels, *dims), got {tuple(a.shape)}")
    size = [2 * n - 1 for n in a.shape[2:]]
    spectrum = torch.fft.rfftn(a, size, dims) * torch.fft.rfftn(b, size, dims).conj()
    inner = torch.fft.irfftn(spectrum, size, dims).sum(1).flatten(1).amax(1)
    return like(_normalised(inner, a, b).clamp(-1, 1), estimate)


def _normalised(inner: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`inner / (‖a‖ ‖b‖)`, and 0 where a norm is 0: nothing agrees with nothing."""
    norms = a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1)
    return torch.where(norms > 0, inner / norms, torch.zeros_like(inner))
