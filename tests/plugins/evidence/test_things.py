"""Things on plain backgrounds, shaken by hand: by a class of things, of shoes, or by bounds alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import invkit
from invkit.metrics import kernel_ncc, psnr

SEARCH = "evidence?starts=64,keep=8x4x2,steps=50,rank=64,finish=1,leaps=0,retries=0,doubt=0"


def shaken(numbers: list[int], data: str = "objects", split: str = "test") -> tuple[Tensor, Tensor, Tensor]:
    """Held-out things, held-out kernels of the same numbers, and 8-bit pictures of them."""
    x = invkit.dataset(data).take(torch.tensor(numbers), split)
    w = invkit.dataset("shake").take(torch.tensor(numbers), "validation")
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    return x, w, (y * 255).round().clamp(0, 255) / 255


@pytest.mark.parametrize(
    ("prior", "numbers", "gain"), [("bounded:gaussian:objects", [5], 10), ("bounded:spectrum", [1], 7)]
)
def test_things_are_deblurred_blind(prior: str, numbers: list[int], gain: float) -> None:
    x, w, y = shaken(numbers)
    found = invkit.compose("circconv", ["trajectory", prior], SEARCH)(y)
    assert (kernel_ncc(found.w, w) > 0.95).all()
    assert (psnr(found.x, x) > psnr(y, x) + gain).all()
    assert found.x.min() >= 0 and found.x.max() <= 1


def test_shoes_are_deblurred_blind(data_folder: Path) -> None:
    """A real shoe of the validation split, by the method's stages with a short search."""
    if not (data_folder / "shoes").is_dir():
        pytest.skip(f"no shoes at {data_folder}")
    x, w, y = shaken([7], "shoes", "validation")
    search = "evidence?starts=96,keep=24x8x2,steps=60,rank=8x16x64,finish=1,leaps=0,retries=0,doubt=0"
    last = "pnp?weight=0.35 x=denoiser:photographs"
    found = invkit.method("shoes", solver=[search, last])(y)
    assert (kernel_ncc(found.w, w) > 0.97).all()
    assert (psnr(found.x, x) > psnr(y, x) + 10).all()
