"""Synthetic scenes: spectra, fractions, and pixels lit differently."""

from __future__ import annotations

import torch
from torch import Tensor

Scene = tuple[Tensor, Tensor, Tensor]


def scene(seed: int, *, rank: int = 3, bands: int = 30, pixels: int = 400, noise: float = 0.0) -> Scene:
    """(y, w, x): spectra of maximum 1, fractions of which few are pure, light from 0.5 to 1."""
    rng = torch.Generator().manual_seed(seed)
    place = torch.linspace(0, 1, bands, dtype=torch.float64)[:, None, None]
    centres, widths, heights = torch.rand(3, 1, rank, 4, generator=rng, dtype=torch.float64)
    w = 0.1 + (heights * torch.exp(-(((place - centres) / (0.05 + 0.2 * widths)) ** 2))).sum(2)
    w = w / w.amax(0)
    x = torch.softmax(4 * torch.randn(rank, pixels, generator=rng, dtype=torch.float64), 0)
    light = 0.5 + 0.5 * torch.rand(1, pixels, generator=rng, dtype=torch.float64)
    y = light * (w @ x)
    return y + noise * torch.randn(y.shape, generator=rng, dtype=torch.float64), w, x
