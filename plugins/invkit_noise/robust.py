"""``robust``: Huber's cost, for measurements of which a few entries are grossly wrong.

    deblur = invkit.compose("circconv", priors, solver="altgd", noise="robust?delta=0.03")

With r = y − z, an entry costs r² where |r| ≤ δ, and 2δ|r| − δ² beyond: as the squared residual near zero, but
no entry pulls harder than one that is δ off.
"""

from __future__ import annotations

from math import inf
from typing import Any, Literal

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.noise import Noise
from invkit.errors import InputError

__all__ = ["Robust"]


class Robust(Noise):
    """Huber's cost of every entry.

    Args:
        delta: δ > 0, in units of y: about two standard deviations of the noise of sound entries.
        weights, missing: as in :class:`invkit.contracts.noise.Noise`.

    Raises:
        InputError: ``delta`` is not positive.

    Source: P. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35(1), 1964.
    """

    def __init__(
        self,
        delta: float = 0.03,
        weights: Any = None,
        missing: Literal["refuse", "nan"] = "refuse",
    ) -> None:
        super().__init__(weights, missing=missing)
        if not 0 < delta < inf:
            raise InputError(f"delta={delta} is no positive number", hint="write e.g. robust?delta=0.03")
        self.delta = delta

    @classmethod
    def from_spec(
        cls, delta: float = 0.03, weights: str = "", missing: Literal["refuse", "nan"] = "refuse"
    ) -> Robust:
        """The noise that a spec names; ``weights`` is the path of an npy file."""
        return cls(delta, weights or None, missing=missing)

    def entries(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *y"]:
        size = (y - z).abs()
        return torch.where(size <= self.delta, size.square(), 2 * self.delta * size - self.delta**2)
