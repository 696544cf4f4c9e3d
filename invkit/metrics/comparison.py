"""Estimates against the truth, raw and modulo what a measurement cannot tell.

    comparison = compare(operator, estimate=(w_hat, x_hat), truth=(w, x))
    comparison.raw.psnr, comparison.aligned.psnr

The aligned figures compare after the operator's own declared `ambiguities` are undone; nothing else is
fitted.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.errors import InputError, ShapeError
from invkit.metrics._arrays import Array, Number, Signals, checked_peak, factors, like, pair
from invkit.metrics.images import WINDOW, psnr, ssim
from invkit.metrics.kernels import kernel_ncc


def align(
    operator: BilinearOperator, estimate: tuple[Array, Array], truth: tuple[Signals, Signals]
) -> tuple[Array, Array]:
    """The estimate `(w, x)` moved along the operator's ambiguities to where it is closest to the truth.

    Each declared ambiguity's `align` is applied in the order declared, and then all once more: a scale fitted
    before the shift is undone is fitted to the wrong pixels. `A(w, x)` stays as it was, up to what a shift
    pushes off a kernel's support. A pair with NaN or infinite values stays as it is.

    Args:
        operator: declares its `ambiguities`; its `example_shapes` say how many axes `w` and `x` have.
        estimate: `(w, x)`, each `(*dims)`, `(channels, *dims)` or `(n, channels, *dims)`.
        truth: `(w, x)` of the same shapes; the kernels may differ in size where that leaves the measurement's
            shape as it is.

    Returns:
        The aligned `(w, x)`, each in the layout given; `w` on one support with the true kernel.

    Raises:
        ShapeError: the shapes differ or are none of these layouts.
        InputError: integers beside floating point, or no pair of signals.
    """
    estimate, truth = factors(estimate, "estimate"), factors(truth, "truth")
    signals, (dims_w, dims_x) = _signals(operator, estimate, truth)
    w, x = _aligned(operator, *signals)
    return like(w, estimate[0], dims_w, signals=True), like(x, estimate[1], dims_x, signals=True)


@attrs.frozen(eq=False)
class Scores:
    """The three figures of each estimate, `()` for one, `(n,)` for a batch.

    Args:
        psnr: of `x`, decibels.
        ssim: of `x`; None where `x` is no image of at least 11×11 real pixels.
        kernel_ncc: of `w`, at shift zero.
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
            rule (scaling: the least-squares multiple of `x`, complex where both signals are; a convolution's
            shift: as that operator documents), and modulo nothing else: no intensity offset, no sub-pixel
            shift, no cropping of borders.
        modulo: the names of the operator's ambiguities, in the order undone.
    """

    raw: Scores
    aligned: Scores
    modulo: tuple[str, ...]


def compare(
    operator: BilinearOperator,
    estimate: tuple[Array, Array],
    truth: tuple[Signals, Signals],
    peak: Number | None = None,
) -> Comparison:
    """PSNR and SSIM of `x` and NCC of `w`, raw and modulo the operator's ambiguities: see `Comparison`.

    Args:
        operator, estimate, truth: see `align`.
        peak: the largest value `x` can have; 1 for floating point unless given.

    Raises:
        ShapeError: as `align`.
        InputError: as `align`; or `peak` is not positive, or missing where `x` is of integers.
    """
    estimate, truth = factors(estimate, "estimate"), factors(truth, "truth")
    (w, x, w_true, x_true), (dims_w, dims_x) = _signals(operator, estimate, truth)
    peak = checked_peak(peak, estimate[1])
    is_image = dims_x == 2 and min(x.shape[2:]) >= WINDOW and not x.is_complex()

    def scores(w: Tensor, x: Tensor) -> Scores:
        return Scores(
            like(psnr(x, x_true, peak, dims=dims_x), estimate[1], dims_x),
            like(ssim(x, x_true, peak), estimate[1], dims_x) if is_image else None,
            like(kernel_ncc(w, w_true, dims=dims_w), estimate[0], dims_w),
        )

    modulo = tuple(ambiguity.name for ambiguity in operator.ambiguities)
    return Comparison(scores(w, x), scores(*_aligned(operator, w, x, w_true, x_true)), modulo)


def _signals(
    operator: BilinearOperator, estimate: tuple[Signals, Signals], truth: tuple[Signals, Signals]
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], tuple[int, int]]:
    """`w`, `x` and the true ones as batches, kernels on one support; and the axes of `w` and of `x`."""
    _require_operator(operator)
    dims_w, dims_x = (len(shape) - 1 for shape in operator.example_shapes()[0])
    w, w_true = pair(estimate[0], truth[0], dims_w, pad=True, complex_too=True)
    x, x_true = pair(estimate[1], truth[1], dims_x, complex_too=True)
    if w.shape[0] != x.shape[0]:
        raise ShapeError(f"got {w.shape[0]} of w and {x.shape[0]} of x", hint="give one w for each x")
    sizes = {tuple(each.shape[each.ndim - dims_w :]) for each in (estimate[0], truth[0], w)}
    x_shape = tuple(x.shape[1:])
    if len(sizes) > 1 and len({tuple(operator.output_shape((w.shape[1], *s), x_shape)) for s in sizes}) > 1:
        raise ShapeError(
            f"expected estimate and truth of w of one shape, got {tuple(estimate[0].shape)} and "
            f"{tuple(truth[0].shape)}, which measure x differently",
            hint="crop to the common part",
        )
    return (w, x, w_true, x_true), (dims_w, dims_x)


def _require_operator(operator: Any) -> None:
    if not isinstance(operator, BilinearOperator):
        raise InputError(
            f"the first argument must be an operator, got {type(operator).__name__}",
            hint='write pipeline.operator, or invkit.operator("circconv")',
        )


def _aligned(
    operator: BilinearOperator, w: Tensor, x: Tensor, w_true: Tensor, x_true: Tensor
) -> tuple[Tensor, Tensor]:
    """`w` and `x` after the operator's ambiguities are undone, where all values are finite."""
    finite = [each.isfinite().flatten(1).all(1) for each in (w, x, w_true, x_true)]
    usable = torch.stack(finite).all(0)
    if usable.any():
        found = w[usable], x[usable]
        for ambiguity in (*operator.ambiguities, *operator.ambiguities):
            found = ambiguity.align(*found, w_true[usable], x_true[usable])
        w, x = w.index_put((usable,), found[0]), x.index_put((usable,), found[1])
    return w, x
