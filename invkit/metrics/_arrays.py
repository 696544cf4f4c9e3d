"""What goes into a metric and what comes out: tensors or numpy arrays, of one shape, in double precision."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from invkit.errors import InputError, ShapeError

Array = TypeVar("Array", Tensor, npt.NDArray[Any])
"""A torch tensor or a numpy array; a function gives back what it was given."""


def pair(estimate: Array, truth: Array) -> tuple[Tensor, Tensor]:
    """Both as double tensors of one shape."""
    if tuple(estimate.shape) != tuple(truth.shape) or estimate.ndim < 2:
        raise ShapeError(
            f"expected estimate and truth of one shape (n, channels, *dims), got {tuple(estimate.shape)} and "
            f"{tuple(truth.shape)}",
            hint="add the batch axis, or crop to the common part",
        )
    a = double(estimate)
    return a, double(truth).to(a.device)


def double(array: Array) -> Tensor:
    # Copied: torch warns of read-only numpy arrays and refuses negative strides.
    return (
        array.double()
        if isinstance(array, Tensor)
        else torch.from_numpy(np.array(array, np.float64, order="C"))
    )


def like(result: Tensor, estimate: Array) -> Array:
    """The result as the kind of array that came in, of its dtype where that is floating."""
    if isinstance(estimate, Tensor):
        return result.to(estimate.dtype if estimate.is_floating_point() else torch.get_default_dtype())
    kind = estimate.dtype if np.issubdtype(estimate.dtype, np.floating) else np.dtype(np.float32)
    return result.numpy().astype(kind)


def check_peak(peak: float) -> None:
    if not peak > 0:
        raise InputError(f"expected a positive peak, got {peak}", hint="images in [0, 1] have peak=1.0")
