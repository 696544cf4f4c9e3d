"""What the monitors share: a check of their options, and numbers that sum up a measurement's restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError


def at_least(least: int) -> Callable[[Any, Any, int], None]:
    """A validator of an attrs field: InputError below ``least``."""

    def check(monitor: Any, field: Any, value: int) -> None:
        if value < least:
            raise InputError(
                f"{field.name}={value}, expected at least {least}", hint=f"write e.g. {field.name}=10"
            )

    return check


def best(values: Float[Tensor, "n restarts"]) -> Float[Tensor, "n"]:
    """Each measurement's least value over the restarts that did not drop out (NaN); NaN where all did."""
    least = torch.where(values.isnan(), torch.inf, values).amin(1)
    return torch.where(values.isnan().all(1), torch.nan, least)


def median(values: Float[Tensor, "n restarts"]) -> Float[Tensor, "n"]:
    """Each measurement's (lower) median over the restarts that did not drop out; NaN where all did."""
    return values.nanmedian(1).values
