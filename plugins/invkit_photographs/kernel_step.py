"""The kernel step: the kernel that turns the strong edges of the sharp image into those of the blurry one.

    threshold = gradient_threshold(gradients(blurred), 27)           # once, at the coarsest scale
    edges, threshold = strong_gradients(gradients(x), threshold)     # (2, H − 1, W − 1), all others zero
    kernel = estimate_kernel(forward(gradients(blurred)), edges, (27, 27), weight=2.0)
    kernel = pruned(kernel)                                          # no specks, non-negative, unit sum

:func:`estimate_kernel` minimises over kernels of a given support, by conjugate gradients,

    ‖∇x * k − ∇y‖² + γ ‖k‖²,     that is     (Re F⁻¹ |X|² F + γ) k = Re F⁻¹ (X̄ Y)   on the support.

The edges that decide are those that a blur of that size leaves visible. They are chosen by magnitude, and
such that each quarter of the half circle of directions has enough of them: edges of one direction know
nothing of the kernel along themselves. Source: Cho and Lee, "Fast motion deblurring", 2009, as
used by Pan et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from invkit_photographs._fourier import (
    Complex,
    Real,
    Size,
    centre_of,
    differences,
    fast_length,
    forward,
    inverse,
)

ITERATIONS = 20
"""Of conjugate gradients."""

TOLERANCE = 1e-5
"""The relative norm of the residual at which they stop."""

TINY = 1e-30
"""No curvature is less."""

SMALLEST_SHARE, SMALLEST_PART = 0.05, 0.1
"""Entries below the first of the maximum go; and so do connected parts below the second of the mass."""

SPARSEST = 25
"""Of so many gradients of an image, one a quarter of directions is enough; ours, for images of few pixels."""

LARGEST_MATRIX = 29 * 29
"""A kernel of so many pixels at most is multiplied by a matrix: that is as fast as the DFT."""

_LARGEST_SQUARE, _SQUARE_STEP = 2.0, 6e-5


def gradients(image: Real, *, wrap: bool = False) -> Real:
    """Horizontal and vertical differences, (2, H − 1, W − 1); with ``wrap`` also around it, (2, H, W)."""
    if wrap:
        return np.stack(differences(image))
    corner = image[:-1, :-1]
    return np.stack([image[:-1, 1:] - corner, image[1:, :-1] - corner])


def gradient_threshold(edges: Real, kernel_side: int) -> float:
    """The squared magnitude that ``20·side`` gradients of every quarter of directions exceed; of small images
    a 25th of all gradients is enough, and at least 10 of each quarter.

    Args:
        edges: (2, H, W), from :func:`gradients`.
        kernel_side: the kernel's longer side.

    Returns:
        The largest such threshold on a grid of 6·10⁻⁵ up to 2; 0 where there are too few gradients.
    """
    squares = (edges**2).sum(0).ravel()
    angle = np.arctan2(edges[1], edges[0]).ravel() % np.pi
    quarter = np.minimum(angle // (np.pi / 4), 3)
    wanted = max(min(20 * kernel_side, squares.size // SPARSEST), 10)
    largest = []
    for number in range(4):
        own = squares[quarter == number]
        largest.append(float(np.partition(own, -wanted)[-wanted]) if own.size >= wanted else 0.0)
    return min(_LARGEST_SQUARE, min(largest) // _SQUARE_STEP * _SQUARE_STEP)


def strong_gradients(edges: Real, threshold: float) -> tuple[Real, float]:
    """The gradients whose squared magnitude reaches the threshold, the others zero; and the next threshold, a
    tenth lower.

    Where none reaches it, it is lowered by factors of 0.81 until one does.
    """
    squares = (edges**2).sum(0)
    largest = float(squares.max(initial=0.0))
    while threshold > largest > 0:
        threshold *= 0.81
    return np.where(squares >= threshold, edges, edges.dtype.type(0)), threshold / 1.1


def estimate_kernel(blurred: Complex, sharp: Real, support: Size, weight: float) -> Real:
    """The regularised least-squares kernel, entries below 5 % of its maximum zeroed, unit sum.

    Args:
        blurred: half spectra of the blurry image's gradients, (2, H, W // 2 + 1); they are the same in all
            rounds.
        sharp: gradients of the sharp image, (2, H, W), taken as wrapping around.
        support: odd sides, at most (H, W).
        weight: γ.

    Returns:
        (odd, odd), centred; a single pixel where the gradients say nothing.
    """
    size = sharp.shape[1:]
    spectrum = forward(sharp)
    right = centre_of(inverse((spectrum.conj() * blurred).sum(0), size), support)
    normal = _normal(inverse((spectrum.conj() * spectrum).sum(0), size), support, weight)
    kernel = _solved(normal, torch.from_numpy(right.astype(sharp.dtype).ravel())).numpy().reshape(support)
    return _unit_sum(np.where(kernel < SMALLEST_SHARE * kernel.max(), 0, kernel).astype(sharp.dtype))


def _normal(energy: Real, support: Size, weight: float) -> Callable[[Tensor], Tensor]:
    """The map from a kernel's pixels to its convolution with an autocorrelation (H, W), on the support, plus
    γ times themselves.

    A kernel's pixels are at most ``side − 1`` apart, so few lags count. A small kernel is multiplied by the
    matrix of them, a large one is transformed on a frame as large as they are.
    """
    lags = [np.arange(1 - side, side) % length for side, length in zip(support, energy.shape, strict=True)]
    near, count = energy[np.ix_(*lags)], support[0] * support[1]
    near[support[0] - 1, support[1] - 1] += weight
    if count <= LARGEST_MATRIX:
        windows = np.array(np.lib.stride_tricks.sliding_window_view(near, support)[::-1, ::-1], order="C")
        matrix = torch.from_numpy(windows.reshape(count, count))
        return lambda k: torch.mv(matrix, k)
    size = [fast_length(2 * side - 1) for side in support]
    transfer = torch.fft.rfft2(torch.from_numpy(near), s=size)
    place = tuple(slice(side - 1, 2 * side - 1) for side in support)
    return lambda k: (
        torch.fft.irfft2(transfer * torch.fft.rfft2(k.reshape(support), s=size), s=size)[place].flatten()
    )


def _solved(normal: Callable[[Tensor], Tensor], right: Float[Tensor, "q"]) -> Float[Tensor, "q"]:
    """Conjugate gradients from equal entries. :func:`invkit.solving.conjugate_gradients` does the same for
    batches; so small a problem takes several times as long there.
    """
    x = torch.full_like(right, 1 / len(right))
    residual = right - normal(x)
    direction = residual.clone()
    now, enough = float(residual @ residual), TOLERANCE**2 * float(right @ right)
    for _ in range(ITERATIONS):
        if now <= enough:
            break
        image = normal(direction)
        length = now / max(float(direction @ image), TINY)
        x.add_(direction, alpha=length)
        residual.sub_(image, alpha=length)
        now, before = float(residual @ residual), now
        direction.mul_(now / before).add_(residual)
    return x


def pruned(kernel: Real) -> Real:
    """The kernel without parts (8-connected) of less than a tenth of its mass; non-negative, unit sum."""
    kernel = np.maximum(kernel, 0)
    labels, count = ndimage.label(kernel, np.ones((3, 3)))
    mass = ndimage.sum_labels(kernel, labels, np.arange(count + 1))
    kept = (mass >= SMALLEST_PART * kernel.sum()) | (mass == mass.max())
    return _unit_sum(np.where(kept[labels], kernel, 0).astype(kernel.dtype))


def recentred(kernel: Real) -> Real:
    """The kernel moved by whole pixels, so that its centroid is in the middle pixel; what leaves is lost."""
    at = np.indices(kernel.shape).reshape(2, -1) @ kernel.ravel()
    away = np.rint((np.array(kernel.shape) - 1) / 2 - at)
    return _unit_sum(ndimage.shift(kernel, away, order=0, mode="constant"))


def enlarged(kernel: Real, support: Size, factor: float) -> Real:
    """The kernel magnified about its middle onto another support, by cubic splines; ≥ 0, unit sum."""
    sides = zip(support, kernel.shape, strict=True)
    places = [(np.arange(new) - new // 2) / factor + old // 2 for new, old in sides]
    grid = np.meshgrid(*places, indexing="ij")
    larger = ndimage.map_coordinates(kernel.astype(np.float64), grid, order=3, mode="constant")
    return _unit_sum(np.maximum(larger, 0).astype(kernel.dtype))


def _unit_sum(kernel: Real) -> Real:
    """The kernel over its sum; a single pixel in the middle where the sum is not positive."""
    total = kernel.sum()
    if total > 0:
        return kernel / total
    single = np.zeros_like(kernel)
    single[kernel.shape[0] // 2, kernel.shape[1] // 2] = 1
    return single
