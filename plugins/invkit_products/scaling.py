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
        block: ``"element"``: a factor for every entry, shared by the channels where one of the two signals
            has but one; ``"channel"``: a factor for every channel.
    """

    def __init__(self, block: Literal["element", "channel"]) -> None:
        self.block = block
        self.name = f"{block} scaling"

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        return random_factors(self._factors(w, x), w, x, rng)

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return w * parameter, x / parameter

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        return self.act(w, x, closest_factors(self._factors(w, x), w, x, x_true))

    def _factors(self, w: Tensor, x: Tensor) -> tuple[int, ...]:
        if self.block == "element":
            return (len(w), min(w.shape[1], x.shape[1]), *w.shape[2:])
        return (*w.shape[:2], *[1] * (w.ndim - 2))
