"""Continuing an image beyond its border by its own pixels, and the adjoint: folding them back.

index = (extension_index(5, 2, 2, "reflect"),)      # tensor([2, 1, 0, 1, 2, 3, 4, 3, 2])
longer = extend(signal, index)                      # (n, c, 9) from (n, c, 5)
fold(longer, index, (5,))                           # its adjoint: sums over the copies of each pixel
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from invkit.errors import ShapeError


def extension_index(
    length: int, before: int, after: int, boundary: Literal["replicate", "reflect"]
) -> Tensor:
    """The pixel each position of the longer axis takes its value from.

    Raises:
        ShapeError: the border to be reflected is wider than the image allows.
    """
    position = torch.arange(-before, length + after)
    if boundary == "replicate":
        return position.clamp(0, length - 1)
    if max(before, after) >= length:
        raise ShapeError(
            f"an axis of {length} pixels cannot be reflected {max(before, after)} pixels beyond its border",
            hint="choose a prior of smaller kernels, give a larger image, or use boundary=replicate",
        )
    return (length - 1) - (position.abs() - (length - 1)).abs()


def extend(signal: Tensor, index: tuple[Tensor, ...]) -> Tensor:
    """The signals continued along their last axes."""
    for axis, source in enumerate(index, start=2):
        signal = signal.index_select(axis, source.to(signal.device))
    return signal


def fold(signal: Tensor, index: tuple[Tensor, ...], size: tuple[int, ...]) -> Tensor:
    """The adjoint of :func:`extend` onto signals of ``size``."""
    for axis, (source, length) in enumerate(zip(index, size, strict=True), start=2):
        folded = signal.new_zeros(*signal.shape[:axis], length, *signal.shape[axis + 1 :])
        signal = folded.index_add(axis, source.to(signal.device), signal)
    return signal
