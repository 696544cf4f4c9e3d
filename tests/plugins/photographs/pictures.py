"""Blurred pictures for the tests of the package: from BSDS500's train images, and drawn."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad


def train_picture(data: Path, number: int, side: int = 120) -> Tensor:
    """The luma of a train image of BSDS500 at half size, (1, 1, side, side), or a skip."""
    path = data / "photographs" / "bsds500_train_val.zip"
    if not path.exists():
        pytest.skip(f"no photographs at {path}; set INVKIT_DATA to the folder that holds photographs/")
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if "train/" in name and name.endswith(".jpg"))
        picture = Image.open(io.BytesIO(archive.read(names[number]))).convert("L")
    whole = torch.from_numpy(np.asarray(picture, np.float32) / 255)[None, None]
    return avg_pool2d(whole, 2)[..., :side, :side]


def blur(x: Tensor, kernels: Tensor, sigma: float, seed: int = 0) -> Tensor:
    """The valid part of each (h, w) kernel's convolution with each picture, with noise."""
    y = conv2d(x, kernels.flip((1, 2))[:, None].to(x))
    return y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(seed)).to(y)


def hook(side: int = 9) -> Tensor:
    """A kernel that bends, (1, side, side), unit sum."""
    kernel = torch.zeros(1, side, side)
    kernel[0, 2, 2 : side - 2] = 1
    kernel[0, 2 : side - 1, side - 3] = 0.6
    return kernel / kernel.sum()


def pixel(side: int = 9) -> Tensor:
    """No blur, (1, side, side)."""
    return pad(torch.ones(1, 1, 1), (side // 2,) * 4)


def blocks(seed: int, side: int = 24, channels: int = 1) -> Tensor:
    """A picture of few edges, (1, channels, side, side), in double precision."""
    rng = np.random.default_rng(seed)
    small = torch.from_numpy(rng.uniform(size=(1, channels, side // 4, side // 4)))
    return small.repeat_interleave(4, 2).repeat_interleave(4, 3)
