"""Figures of a batch, JSON-ready: a number, or None where it is not finite.

mean(torch.tensor([20.0, 22.0]))        # 21.0
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import invkit

__all__ = ["each", "finite", "mean", "median", "quantile", "uninterrupted", "worst"]


def finite(value: float) -> float | None:
    """The number, or None where JSON cannot hold it."""
    return value if math.isfinite(value) else None


def each(values: Tensor) -> list[float | None]:
    """Every value of a batch."""
    return [finite(value) for value in values.double().tolist()]


def mean(values: Tensor) -> float | None:
    """The mean of a batch."""
    return finite(values.double().mean().item())


def median(values: Tensor) -> float | None:
    """The median of a batch, the middle of the two middle values where their number is even."""
    return quantile(values, 0.5)


def worst(values: Tensor) -> float | None:
    """The least value of a batch."""
    return finite(values.double().min().item())


def quantile(values: Tensor, share: float) -> float | None:
    """The value that this share of the batch lies below, interpolated."""
    return finite(torch.quantile(values.double(), share).item())


def uninterrupted(solution: invkit.Solution) -> invkit.Solution:
    """The solution; raises KeyboardInterrupt where Ctrl-C cut it short: then its figures mean nothing."""
    if invkit.Status.INTERRUPTED in solution.status:
        raise KeyboardInterrupt
    return solution
