"""``poisson``: counts, in any unit.

    deblur = invkit.compose("circconv", priors, solver="altgd", noise="poisson")

Where one count has the value g, ``−log p(y | z)`` is, up to a constant,

    Σ (z − y log z) / g.

Its second derivative at ``z = y`` is ``1/(g z)``: the variance of y is ``g z``. The cost is scaled by
``2 g ȳ``, twice the mean variance, so that it is the squared residual where all entries are equal. So the
weights of penalties mean about the same as with Gaussian noise, and g does not matter.
"""

from __future__ import annotations

from math import inf
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.noise import Noise
from invkit.errors import InputError

__all__ = ["Poisson"]


class Poisson(Noise):
    """The cost ``2 ȳ Σ (z − y + y log(y / z))``, with ȳ the mean of the measured entries of a measurement.

    Args:
        floor: the least intensity, as a fraction of ȳ: below it the cost goes on as its tangent, so that it
            is finite and steep for z ≤ 0.

    Raises:
        InputError: a measurement below zero, or parameters that are not positive.

    Source: L. Shepp and Y. Vardi, IEEE TMI 1(2), 1982, for the likelihood.
    """

    def __init__(
        self,
        floor: float = 1e-3,
        weights: Any = None,
        missing: Literal["refuse", "nan"] = "refuse",
    ) -> None:
        super().__init__(weights, missing=missing)
        if not 0 < floor < inf:
            raise InputError(f"floor={floor} is no positive number", hint="write e.g. floor=1e-3")
        self.floor = floor

    @classmethod
    def from_spec(
        cls, floor: float = 1e-3, weights: str = "", missing: Literal["refuse", "nan"] = "refuse"
    ) -> Poisson:
        """The noise that a spec names; ``weights`` is the path of an npy file."""
        return cls(floor, weights or None, missing)

    def prepared(self, y: Float[Tensor, "n *y"]) -> tuple[Noise, Float[Tensor, "n *y"]]:
        """As :meth:`Noise.prepared`; refuses values below zero among those that were measured."""
        bound, y = super().prepared(y)
        if (y < 0).any():
            raise InputError(
                "the measurement has negative values, which no count has",
                hint="subtract less background, clip it: y.clip(min=0), or use noise='gaussian'",
            )
        return bound, y

    def entries(self, z: Float[Tensor, "n *y"], y: Float[Tensor, "n *y"]) -> Float[Tensor, "n *y"]:
        y = y.clamp_min(0)
        measured = torch.ones_like(y) if self.weights is None else (self._weights_of(y) > 0).to(y)
        total = measured.flatten(1).sum(1).clamp_min(1)
        mean = ((y * measured).flatten(1).sum(1) / total).reshape(-1, *[1] * (y.ndim - 1))
        mean = mean.clamp_min(torch.finfo(y.dtype).tiny)
        least = self.floor * mean
        inside = torch.maximum(z, least)
        cost = inside - y + torch.xlogy(y, y) - torch.xlogy(y, inside)  # y / inside has no gradient at y = 0
        return 2 * mean * (cost + (1 - y / least) * (z - inside))
