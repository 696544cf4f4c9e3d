"""Scalings block by block: products that act on parts of the signals separately cannot tell the scale of any
part.

elementwise = BlockScaling("element")       # pointwise: one factor per entry of w
per_channel = BlockScaling("channel")       # outer: one factor per channel
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, closest_factors, random_factors


class BlockScaling(Ambiguity):
    """``(a ⊙ w, x / a)`` with a factor per block: positive, or complex where both signals are.

    Args:
        block: ``"element"``: a factor for every entry of ``w``, shared by the channels of ``x`` where ``w``
            has but one; ``"channel"``: a factor for every channel.
    """

    def __init__(self, block: Literal["element", "channel"]) -> None:
        self.block = block
        self.name = f"{block} scaling"

    def sample(self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"], rng: torch.Generator) -> Tensor:
        """The factors of every pair, their modulus log-uniform in [¼, 4]."""
        return random_factors(self._factors(w), w, x, rng)

    def act(
        self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Inexact[Tensor, "n *w"], Inexact[Tensor, "n *x"]]:
        """``(a ⊙ w, x / a)``."""
        return w * parameter, x / parameter

    def align(
        self,
        w: Inexact[Tensor, "n *w"],
        x: Inexact[Tensor, "n *x"],
        w_true: Inexact[Tensor, "n *w"],
        x_true: Inexact[Tensor, "n *x"],
    ) -> tuple[Inexact[Tensor, "n *w"], Inexact[Tensor, "n *x"]]:
        """Every block of ``x`` scaled to the multiple closest to the truth; blocks without one stay as they
        are.
        """
        return self.act(w, x, closest_factors(self._factors(w), w, x, x_true))

    def _factors(self, w: Tensor) -> tuple[int, ...]:
        return tuple(w.shape) if self.block == "element" else (*w.shape[:2], *[1] * (w.ndim - 2))
