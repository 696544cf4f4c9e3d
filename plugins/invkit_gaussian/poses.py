"""The same things seen otherwise: pictures turned, stretched and moved a little, at random.

    others = posed(images, torch.Generator().manual_seed(0))          # (n, C, H, W)

One shop shows its things in one pose. A class that is fitted to such pictures alone takes the pose for a part
of the class, and pictures of another shop for improbable.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["posed"]

#: to either side: degrees, the logarithm of width over height, and parts of the width and of the height
_TURN, _STRETCH, _SHIFT = 12.0, 0.3, (0.04, 0.08)
_SIZES = (0.8, 1.08)


def posed(images: Float[Tensor, "n c h w"], rng: torch.Generator) -> Float[Tensor, "n c h w"]:
    """Every image in another pose, continued by its edge pixels; values stay in [0, 1].

    Args:
        images: values in [0, 1].
        rng: a CPU generator.
    """
    angle, stretch, right, down, size = torch.rand(5, len(images), generator=rng, dtype=images.dtype) * 2 - 1
    angle, size = angle * math.radians(_TURN), (sum(_SIZES) + size * (_SIZES[1] - _SIZES[0])) / 2
    wide, high = (size * torch.exp(sign * _STRETCH / 2 * stretch) for sign in (1, -1))
    rows = [
        torch.stack([angle.cos() / wide, -angle.sin() / wide, 2 * _SHIFT[0] * right], 1),
        torch.stack([angle.sin() / high, angle.cos() / high, 2 * _SHIFT[1] * down], 1),
    ]
    places = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    seen = grid_sample(images, places, mode="bicubic", padding_mode="border", align_corners=False)
    return seen.clamp(0, 1)
