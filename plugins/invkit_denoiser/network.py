"""`plain`: a small network that takes white noise of a known level off pictures, for CPUs.

    network = build("plain", {"channels": 1, "width": 48, "blocks": 6})
    x = network(noisy - 0.5, sigma) + 0.5            # (n, 1, h, w), sigma (n,)

Squares of `patch` pixels are the channels of a smaller picture, in which a pixel sees far at little cost. A
further channel holds σ, so that one network serves all levels. There, residual blocks of 3 × 3 filters,
``f ← f + C(relu(C(f)))``; what they make is the noise, which is taken off:

    x̂ = y − N(y, σ)              N = 0 before training

Sides that are no multiple of `patch` are continued by their last rows, and cut off again.

Source: the level as a channel and squares as channels are those of K. Zhang, W. Zuo, L. Zhang, "FFDNet", IEEE
Trans. Image Processing 27(9), 2018; residual blocks of He and others (arXiv 1512.03385).
"""

from __future__ import annotations

from functools import partial

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

    Raises:
        WeightsError: one of them is not positive.
    """

    def __init__(self, channels: int = 1, patch: int = 2, width: int = 48, blocks: int = 6) -> None:
        super().__init__()
        if min(channels, patch, width, blocks) < 1:
            raise WeightsError(
                f"plain cannot have channels {channels}, patch {patch}, width {width}, blocks {blocks}",
                hint="give positive numbers",
            )
        self.channels, self.patch = channels, patch
        inside = channels * patch**2
        self.enter = nn.Conv2d(inside + 1, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.leave = zeroed(nn.Conv2d(width, inside, 3, padding=1))

    def forward(self, noisy: Float[Tensor, "n c h w"], sigma: Float[Tensor, "n"]) -> Float[Tensor, "n c h w"]:
        height, width = noisy.shape[2:]
        below, right = -height % self.patch, -width % self.patch
        wide = functional.pad(noisy, (0, right, 0, below), "replicate") if below or right else noisy
        squares = functional.pixel_unshuffle(wide, self.patch)
        level = sigma[:, None, None, None].expand(-1, 1, *squares.shape[2:])
        features = self.blocks(self.enter(torch.cat([squares, level], 1)))
        noise = functional.pixel_shuffle(self.leave(functional.relu(features)), self.patch)
        return noisy - noise[..., :height, :width]


class _Block(nn.Module):
    """``f + C(relu(C(f)))``, the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = features + self.second(functional.relu(self.first(features)))
        return result


ARCHITECTURES: dict[str, type[Plain]] = {"plain": Plain}

build = partial(networks.build, ARCHITECTURES)
"""Builds an untrained network by name and options; see `invkit.training.networks.build`."""
