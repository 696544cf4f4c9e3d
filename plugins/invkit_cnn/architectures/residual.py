"""`residual`: a small network on the skeleton of `l15`, for CPUs.

    network = build("residual", {"patch": 4, "width": 96, "blocks": 8})

Patches of the picture are the channels of a smaller one, `patch` times smaller on every side; there a first
layer, then residual blocks `f ← f + C₁(relu(C₃(f)))` whose filters of 3 and 1 pixels take turns as those of
`l15` do, and a last layer whose channels are patches again:

    x̂ = y + R(y)                  R = 0 before training: the network starts as the identity

All filters are circular, as the blur is, so shifting `y` around by multiples of `patch` shifts `x̂` with it.

Source: the skeleton is that of Hradiš and others (BMVC 2015), residual blocks of He and others
(arXiv 1512.03385), patches as channels of Shi and others (arXiv 1609.05158). The combination is ours.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from invkit.errors import WeightsError
from invkit.training.networks import zeroed

__all__ = ["Circular", "Residual"]


class Residual(nn.Module):
    """The network, from images in [−½, ½] to images in [−½, ½].

    Args:
        channels: of the image.
        patch: pixels of a side that are seen as one; a picture's sides must be multiples of it.
        width: channels inside.
        blocks: residual blocks.

    Raises:
        WeightsError: one of them is not positive.
    """

    def __init__(self, channels: int = 3, patch: int = 4, width: int = 96, blocks: int = 8) -> None:
        super().__init__()
        if min(channels, patch, width, blocks) < 1:
            raise WeightsError(
                f"residual cannot have channels {channels}, patch {patch}, width {width}, blocks {blocks}",
                hint="give positive numbers",
            )
        self.channels, self.multiple, self.smallest = channels, patch, 2 * patch
        inside = channels * patch**2
        self.enter = Circular(inside, width, 5)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.leave = zeroed(Circular(width, inside, 3))

    def forward(self, blurry: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        patches = functional.pixel_unshuffle(blurry, self.multiple)
        features = self.blocks(functional.relu(self.enter(patches)))
        correction = self.leave(functional.relu(features))
        return blurry + functional.pixel_shuffle(correction, self.multiple)


class _Block(nn.Module):
    """``f + C₁(relu(C₃(f)))``, the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.narrow = Circular(width, width, 3), zeroed(nn.Conv2d(width, width, 1))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = features + self.narrow(functional.relu(self.wide(features)))
        return result


class Circular(nn.Conv2d):
    """``torch.nn.Conv2d(inside, outside, size, padding=size // 2, padding_mode="circular")``, ``size`` odd.

    It commutes with every circular shift. torch differentiates its own circular padding slice by slice. On
    small pictures that takes as long as the convolution itself; here the margins are added back in place.
    """

    def __init__(self, inside: int, outside: int, size: int) -> None:
        super().__init__(inside, outside, size)
        self.margin = size // 2

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
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
