"""A convolution whose filters see the other side of the picture, with a backward pass that is fast on a CPU.

    layer = Circular(12, 96, 3)              # torch.nn.Conv2d(12, 96, 3, padding=1, padding_mode="circular")

It commutes with every circular shift. torch's own circular padding is differentiated slice by slice, which
takes as long as the convolution itself where pictures are small; here the margins are added back in place.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Circular"]


class Circular(nn.Conv2d):
    """A convolution of stride 1 with circular padding, of an odd filter size."""

    def __init__(self, inside: int, outside: int, size: int) -> None:
        super().__init__(inside, outside, size)
        self.margin = size // 2

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """Return the convolution, as large as its input."""
        wrapped = _Wrap.apply(input, self.margin) if self.margin else input
        return functional.conv2d(wrapped, self.weight, self.bias)


class _Wrap(torch.autograd.Function):
    """Continue a picture periodically by a margin; backward, every copy's gradient goes to its original."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, margin: int) -> Tensor:
        ctx.margin = margin
        return functional.pad(picture, (margin,) * 4, mode="circular")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        m, (gradient,) = ctx.margin, gradients
        rows = gradient[:, :, m:-m].clone()
        rows[:, :, -m:] += gradient[:, :, :m]
        rows[:, :, :m] += gradient[:, :, -m:]
        inner = rows[..., m:-m].clone()
        inner[..., -m:] += rows[..., :m]
        inner[..., :m] += rows[..., -m:]
        return inner, None
