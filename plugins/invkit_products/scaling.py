"""Scalings block by block: products that act on parts of the signals separately cannot tell the scale of any
part.

elementwise = BlockScaling("element")       # pointwise: one factor per entry of w
per_channel = BlockScaling("channel")       # outer: one factor per channel
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, Pair, W, X, closest_factors, random_factors


class BlockScaling(Ambiguity):
    """``(a ⊙ w, x / a)`` with a factor per block: positive, or complex where both signals are.

    Args:
        block: ``"element"``: a factor for every entry of ``w``, shared by the channels of ``x`` where ``w``
            has but one; ``"channel"``: a factor for every channel.
    """

    def __init__(self, block: Literal["element", "channel"]) -> None:
        self.block = block
        self.name = f"{block} scaling"

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        return random_factors(self._factors(w), w, x, rng)

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return w * parameter, x / parameter

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        return self.act(w, x, closest_factors(self._factors(w), w, x, x_true))

    def _factors(self, w: Tensor) -> tuple[int, ...]:
        return tuple(w.shape) if self.block == "element" else (*w.shape[:2], *[1] * (w.ndim - 2))
