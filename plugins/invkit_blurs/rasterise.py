"""From curves to kernels: what a point of light leaves on a grid of pixels while it moves.

Each sample of a curve is shared among the four pixels around it with bilinear weights, and every sample has
the same share of the exposure, so that a kernel's mass is one and its centroid the mean of the samples,
exactly:

    points = np.zeros((5, 1, 2))                    # five curves of one sample each, at the centre
    splat(points, size=3)[0, 0]                     # 1 in the middle, 0 elsewhere
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

__all__ = ["splat"]

# Kernels rasterised at once: bounds the memory of the index arrays (2,000 × 240 samples × 4 pixels: 30 MB).
_BLOCK = 2_000


def splat(points: Float64[np.ndarray, "n samples 2"], size: int) -> Float32[Tensor, "n 1 size size"]:
    """Rasterise sampled curves, all kernels of the batch at once.

    Args:
        points: (x, y) of every sample in pixels relative to the grid's centre ``(size - 1) / 2``; x along
        the columns.
            No sample may lie further than ``(size - 1) / 2`` from the centre in either axis.
        size: pixels in height and width, at least 2.

    Returns:
        Kernels with non-negative entries and unit sum.
    """
    blocks = [_splat_block(points[start : start + _BLOCK], size) for start in range(0, len(points), _BLOCK)]
    return torch.from_numpy(np.concatenate([np.zeros((0, 1, size, size), np.float32), *blocks]))


def _splat_block(points: np.ndarray, size: int) -> np.ndarray:
    n, samples, _ = points.shape
    positions = points + (size - 1) / 2
    # A sample on the last pixel belongs to the cell before it.
    corner = np.clip(np.floor(positions), 0, size - 2)
    upper = positions - corner
    share = np.stack(
        [1 - upper, upper]
    )  # (2, n, samples, 2): the share of the lower and of the upper neighbour
    corner = corner.astype(np.intp)
    first = np.arange(n)[:, None] * size * size + corner[..., 1] * size + corner[..., 0]
    kernels = np.zeros(n * size * size)
    for row in (0, 1):
        for column in (0, 1):
            weights = share[row, ..., 1] * share[column, ..., 0]
            kernels += np.bincount(
                (first + row * size + column).ravel(), weights.ravel(), minlength=kernels.size
            )
    return np.asarray((kernels / samples).reshape(n, 1, size, size), dtype=np.float32)
