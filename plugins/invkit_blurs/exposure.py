"""From curves to kernels: what a point of light leaves on a grid of pixels while it moves.

    points = torch.zeros(5, 2, 1, requires_grad=True)         # five curves of one sample each, at the centre
    expose(points, size=3)[0, 0]                              # 1 in the middle, 0 elsewhere

Each sample of a curve is shared among the four pixels around it, and every sample has the same share of the
exposure. So the mass of a kernel is one, and its centroid is the mean of the samples, exactly. With tent
functions t(u) = max(0, 1 − |u|) the kernel of a curve of T samples (x_t, y_t) is

    w[i, j] = (1 / T) Σ_t t(y_t − i) t(x_t − j)

This is piecewise linear in every coordinate of every sample. Its gradient is exact where no sample lies on a
whole pixel, and one of the two one-sided ones where one does. Only the four pixels that a sample touches are
computed: 4 T numbers per kernel.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

__all__ = ["expose", "splat"]

#: kernels drawn at once: bounds the memory of the indices (2,000 × 240 samples × 4 pixels: 30 MB)
_BLOCK = 2_000


def expose(points: Float[Tensor, "n 2 samples"], size: int) -> Float[Tensor, "n 1 size size"]:
    """Return the kernels that sampled curves leave on the grid; unit sum, non-negative, differentiable.

    Args:
        points: (x, y) of every sample in pixels relative to the grid's centre ``(size - 1) / 2``; x along the
            columns. No sample may lie further than ``(size - 1) / 2`` from the centre in either axis.
        size: pixels in height and width, at least 2.
    """
    # Half a unit in the last place beyond the last pixel would make a weight negative.
    positions = (points + (size - 1) / 2).clamp(0, size - 1)
    # A sample on the last pixel belongs to the cell before it.
    # NaN has no pixel: the first one's serves, and the kernel is NaN by its weights, its neighbours are not.
    corner = positions.detach().nan_to_num(0).floor().clamp(0, size - 2)
    x, y = (positions - corner).unbind(1)
    left, above = corner.long().unbind(1)
    first = above * size + left
    weights = torch.cat([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x], dim=1)
    pixels = torch.cat([first, first + 1, first + size, first + size + 1], dim=1)
    kernels = points.new_zeros(points.shape[0], size * size).scatter_add(1, pixels, weights)
    return kernels.unflatten(1, (1, size, size)) / points.shape[2]


def splat(points: Float64[Tensor, "n 2 samples"], size: int) -> Float32[Tensor, "n 1 size size"]:
    """Return the kernels of `expose` in single precision, for any number of curves, without gradients."""
    return torch.cat([expose(block, size).float() for block in points.split(_BLOCK)])
