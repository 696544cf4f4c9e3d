"""Kernels by a trained decoder: the evidence takes a prior at its word, so its draws have to be kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import invkit
from invkit.metrics import kernel_ncc, psnr

SEARCH = "evidence?starts=96,keep=24x8x4,steps=80,leaps=1,retries=0"


def shaken(digits: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Digits, kernels and noisy measurements."""
    x, w = (invkit.dataset(name).take(torch.tensor(digits), "test") for name in ("mnist-sample", "shake"))
    y = invkit.operator("circconv")(w, x)
    return x, w, y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))


def test_a_shaken_digit_comes_back_by_the_decoder_and_its_flow() -> None:
    x, w, y = shaken([7])
    found = invkit.compose("circconv", ["vae:shake", "gaussian:mnist"], SEARCH)(y)
    assert (kernel_ncc(found.w, w) > 0.97).all() and (psnr(found.x, x) > psnr(y, x) + 6).all()
    alone = invkit.compose("circconv", ["vae:shake?flow=false", "gaussian:mnist"], SEARCH)(y)
    assert (psnr(alone.x, x) < psnr(found.x, x) - 2).all()


def test_kernels_by_a_decoder_whose_draws_are_none_are_doubtful(tmp_path: Path) -> None:
    """Most digits lose more than 3 dB by such kernels, and most of these results are said to be doubtful."""
    x, w, y = shaken(list(range(10)))
    alone = invkit.compose("circconv", ["vae:shake?flow=false", "gaussian:mnist"], SEARCH)(y)
    best = torch.empty(len(y))
    for one in range(len(y)):
        np.save(tmp_path / "kernel.npy", w[one].numpy())
        known = invkit.compose("circconv", [f"known:{tmp_path / 'kernel.npy'}", "gaussian:mnist"], SEARCH)
        best[one] = psnr(known(y[one]).x, x[one])
    short = best - psnr(alone.x, x) > 3
    doubted = torch.tensor([status == invkit.Status.DOUBTFUL for status in alone.status])
    assert short.sum() >= 7
    assert doubted[short].float().mean() >= 0.75
