"""``robust``: a cost for measurements of which a few entries are grossly wrong.

    deblur = invkit.compose("circconv", priors, solver="altgd", noise="robust?delta=0.03")
    find = invkit.compose("circconv?dims=1", subspaces, solver="lm", noise="robust?delta=0.03,power=0.5")

With r = y − z, an entry costs r² where |r| ≤ δ, and

    (2/p) δ^(2−p) |r|^p − (2/p − 1) δ²        beyond.

Near zero this is the squared residual. No entry pulls harder than one that is δ off. With p = 1 the cost is
Huber's: beyond δ the pull is constant. With p < 1 the pull falls as the residual grows, so that many entries
can be wrong; the cost is then not convex in z.
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
    """Cost of every entry: a parabola up to δ, a power of the residual beyond; Huber's cost by default.

    Args:
        delta: δ > 0, in units of y: about two standard deviations of the noise of sound entries.
        power: p in (0, 1]: 1 for Huber's cost, 0.5 where as many as a quarter of the entries may be wrong.

    Raises:
        InputError: ``delta`` is not positive, or ``power`` is not in (0, 1].

    Sources: P. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35(1), 1964; for
    p < 1, R. Chartrand and V. Staneva, "Restricted isometry properties and nonconvex compressive sensing",
    Inverse Problems 24, 2008.
    """

    def __init__(
        self,
        delta: float = 0.03,
        power: float = 1.0,
        weights: Any = None,
        missing: Literal["refuse", "nan"] = "refuse",
    ) -> None:
        super().__init__(weights, missing=missing)
        if not 0 < delta < inf:
            raise InputError(f"delta={delta} is no positive number", hint="write e.g. robust?delta=0.03")
        if not 0 < power <= 1:
            raise InputError(f"power={power} is not in (0, 1]", hint="write e.g. robust?power=0.5")
        self.delta, self.power = delta, power

    @classmethod
    def from_spec(
        cls,
        delta: float = 0.03,
        power: float = 1.0,
        weights: str = "",
        missing: Literal["refuse", "nan"] = "refuse",
    ) -> Robust:
        """The noise that a spec names; ``weights`` is the path of an npy file."""
        return cls(delta, power, weights or None, missing=missing)

    def entries(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *y"]:
        size, p = (y - z).abs(), self.power
        far = size.clamp_min(self.delta) / self.delta  # a power of 0 has no slope
        beyond = self.delta**2 * (2 / p * far.pow(p) - (2 / p - 1))
        return torch.where(size <= self.delta, size.square(), beyond)
