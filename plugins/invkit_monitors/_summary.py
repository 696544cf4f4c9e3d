"""Numbers that sum up the restarts of a measurement, where some may have dropped out (NaN)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def best(values: Float[Tensor, "n restarts"]) -> Float[Tensor, "n"]:
    """The least value of every measurement that is a number; NaN where none is."""
    least = torch.where(values.isnan(), torch.inf, values).amin(1)
    return torch.where(values.isnan().all(1), torch.nan, least)


def median(values: Float[Tensor, "n restarts"]) -> Float[Tensor, "n"]:
    """The (lower) median of the values of every measurement that are numbers; NaN where none is."""
    return values.nanmedian(1).values
