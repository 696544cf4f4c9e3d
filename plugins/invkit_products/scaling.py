"""Scalings block by block: products that act on parts of the signals separately cannot tell the scale of any
part.

elementwise = BlockScaling("element")       # pointwise: one factor per entry of w
per_channel = BlockScaling("channel")       # outer: one factor per channel
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity


class BlockScaling(Ambiguity):
    """``(a ⊙ w, x / a)`` with a positive factor per block.

    Args: block: ``"element"``: a factor for every entry of ``w``, shared by the channels of ``x`` where ``w``
        has but one;
            ``"channel"``: a factor for every channel.
    """

    def __init__(self, block: Literal["element", "channel"]) -> None:
        self.block = block
        self.name = f"{block} scaling"

    def sample(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], rng: torch.Generator) -> Tensor:
        """The factors of every pair, log-uniform in [¼, 4]."""
        exponent = torch.rand(self._factors(w), generator=rng, dtype=torch.float64) * 4 - 2
        return (2.0**exponent).to(w)

    def act(
        self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """``(a ⊙ w, x / a)``."""
        return w * parameter, x / parameter

    def align(
        self,
        w: Float[Tensor, "n *w"],
        x: Float[Tensor, "n *x"],
        w_true: Float[Tensor, "n *w"],
        x_true: Float[Tensor, "n *x"],
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """Every block of ``x`` scaled to the positive multiple closest to the truth; blocks without one stay
        as they are.
        """
        factors = self._factors(w)
        multiple = (x * x_true).sum_to_size(factors) / x.square().sum_to_size(factors)
        usable = torch.isfinite(multiple) & (multiple > 0)
        return self.act(w, x, torch.where(usable, 1 / multiple, torch.ones_like(multiple)))

    def _factors(self, w: Tensor) -> tuple[int, ...]:
        return tuple(w.shape) if self.block == "element" else (*w.shape[:2], *[1] * (w.ndim - 2))
