"""`plain`: a small network that takes white noise of a known level off pictures, for CPUs.

    network = build("plain", {"channels": 3, "grey": True, "width": 64, "blocks": 6})
    x = network(noisy - 0.5, sigma) + 0.5            # (n, 3, h, w) or (n, 1, h, w), sigma (n,)

Squares of `patch` pixels become the channels of a smaller picture, in which a pixel sees far at little cost.
A further channel holds σ, so that one network serves all levels. Residual blocks of 3 × 3 filters follow,
``f ← f + C(relu(C(f)))``. The network's output is the noise, which is subtracted:

    x̂ = y − N(y, σ)              N = 0 before training

A network with ``grey`` takes grey pictures, too. It sees three equal channels, and returns the mean of the
three. Their noise is equal as well, so a second level channel holds the σ of the colours: 0 for grey
pictures, σ for others.

Sides that are no multiple of `patch` are continued by their last rows, and cut off again.

CPUs with matrix units (AMX) compute the convolutions in bfloat16, four times as fast as in single precision.
The picture itself stays in single precision: only the noise, which is small, is rounded to 8 bits.

Source: the level as a channel and squares as channels are those of K. Zhang, W. Zuo, L. Zhang, "FFDNet", IEEE
Trans. Image Processing 27(9), 2018; residual blocks of He and others (arXiv 1512.03385).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from invkit.errors import WeightsError
from invkit.training import networks
from invkit.training.networks import zeroed

__all__ = ["ARCHITECTURES", "Plain", "build"]


class Plain(nn.Module):
    """The network, from pictures in [−½, ½] and their σ to pictures in [−½, ½].

    Args:
        channels: of the picture.
        patch: pixels of a side that are seen as one.
        width: channels inside.
        blocks: residual blocks.
        grey: whether it takes pictures of one channel, too.

    Raises:
        WeightsError: a number is not positive.
    """

    def __init__(
        self, channels: int = 1, patch: int = 2, width: int = 48, blocks: int = 6, grey: bool = False
    ) -> None:
        super().__init__()
        if min(channels, patch, width, blocks) < 1:
            raise WeightsError(
                f"plain cannot have channels {channels}, patch {patch}, width {width}, blocks {blocks}",
                hint="give positive numbers",
            )
        self.channels, self.patch, self.grey = channels, patch, grey
        inside = channels * patch**2
        self.enter = nn.Conv2d(inside + (2 if grey else 1), width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.leave = zeroed(nn.Conv2d(width, inside, 3, padding=1))

    def forward(self, noisy: Float[Tensor, "n c h w"], sigma: Float[Tensor, "n"]) -> Float[Tensor, "n c h w"]:
        is_grey = self.grey and noisy.shape[1] == 1
        levels = [sigma, 0 * sigma if is_grey else sigma] if self.grey else [sigma]
        with _precision(noisy.device.type):
            noise = self._noise(noisy.expand(-1, self.channels, -1, -1) if is_grey else noisy, levels)
        noise = noise.to(noisy)
        return noisy - (noise.mean(1, keepdim=True) if is_grey else noise)

    def _noise(self, noisy: Tensor, levels: list[Tensor]) -> Tensor:
        height, width = noisy.shape[2:]
        below, right = -height % self.patch, -width % self.patch
        wide = functional.pad(noisy, (0, right, 0, below), "replicate") if below or right else noisy
        squares = functional.pixel_unshuffle(wide, self.patch)
        maps = torch.stack(levels, 1)[:, :, None, None].expand(-1, -1, *squares.shape[2:])
        features = self.blocks(self.enter(torch.cat([squares, maps], 1)))
        noise = functional.pixel_shuffle(self.leave(functional.relu(features)), self.patch)
        return noise[..., :height, :width]


class _Block(nn.Module):
    """``f + C(relu(C(f)))``, the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = features + self.second(functional.relu(self.first(features)))
        return result


def _precision(device: str) -> AbstractContextManager[Any]:
    """bfloat16 on a CPU that has matrix units for it; elsewhere as the caller has it."""
    return torch.autocast("cpu", dtype=torch.bfloat16) if device == "cpu" and _amx() else nullcontext()


@cache
def _amx() -> bool:
    """Whether this CPU multiplies matrices of bfloat16; False where this torch cannot tell."""
    told = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(told and told())


ARCHITECTURES: dict[str, type[Plain]] = {"plain": Plain}

build = partial(networks.build, ARCHITECTURES)
"""Builds an untrained network by name and options; see `invkit.training.networks.build`."""
