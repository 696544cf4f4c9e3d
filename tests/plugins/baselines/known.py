"""A known kernel for every measurement of a batch, and blurred pictures, for the tests of this plugin."""

from __future__ import annotations

import torch
from torch import Tensor

import invkit
from invkit.solving import Given


def given(w: Tensor) -> invkit.Generator:
    """A kernel for each measurement."""
    return Given(w, each=True)


def draw(seed: int, *shape: int) -> Tensor:
    """Uniform numbers in double precision."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernels(seed: int, n: int, size: int = 5) -> Tensor:
    """Random kernels of unit sum, (n, 1, size, size)."""
    w = draw(seed, n, 1, size, size) ** 4
    return w / w.sum((2, 3), keepdim=True)


def steps_picture(seed: int, n: int, channels: int = 3, size: int = 24) -> Tensor:
    """Pictures of a few boxes of one colour each: what total variation is made for."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.full((n, channels, size, size), 0.5, dtype=torch.float64)
    for picture in x:
        for _ in range(4):
            top, left = torch.randint(0, size - 6, (2,), generator=rng).tolist()
            high, wide = torch.randint(4, size // 2, (2,), generator=rng).tolist()
            colour = torch.rand(channels, 1, 1, generator=rng, dtype=torch.float64)
            picture[:, top : top + high, left : left + wide] = colour
    return x
