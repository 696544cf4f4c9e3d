"""Estimates against the truth, raw and modulo what a measurement cannot tell.

    comparison = compare(operator, estimate=(w_hat, x_hat), truth=(w, x))
    comparison.raw.psnr, comparison.aligned.psnr

The aligned figures compare after the operator's own declared `ambiguities` are undone; nothing else is
fitted.
"""

from __future__ import annotations

from typing import Any

import attrs

from invkit.contracts.bilinear import BilinearOperator
from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, like, pair
from invkit.metrics.images import WINDOW, psnr, ssim
from invkit.metrics.kernels import kernel_ncc


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
    w, w_true = pair(estimate[0], truth[0])
    x, x_true = pair(estimate[1], truth[1])
    if w.shape[0] != x.shape[0]:
        raise ShapeError(f"got {w.shape[0]} of w and {x.shape[0]} of x", hint="give one w for each x")
    for ambiguity in (*operator.ambiguities, *operator.ambiguities):
        w, x = ambiguity.align(w, x, w_true, x_true)
    return like(w, estimate[0]), like(x, estimate[1])


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
    is_image = x.ndim == 4 and min(x.shape[2:]) >= WINDOW
    return Scores(psnr(x, x_true, peak), ssim(x, x_true, peak) if is_image else None, kernel_ncc(w, w_true))
