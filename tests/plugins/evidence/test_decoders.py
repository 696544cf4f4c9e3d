"""Kernels by a trained decoder: the evidence takes a prior at its word, so its draws have to be kernels."""

from __future__ import annotations

import torch

import invkit
from invkit.metrics import kernel_ncc, psnr

SEARCH = "evidence?starts=96,keep=24x8x4,steps=80,leaps=1,retries=0"


def test_a_shaken_digit_comes_back_by_the_decoder_and_its_flow() -> None:
    x, w = (invkit.dataset(name).take(torch.tensor([7]), "test") for name in ("mnist-sample", "shake"))
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    found = invkit.compose("circconv", ["vae:shake", "gaussian:mnist"], SEARCH)(y)
    assert (kernel_ncc(found.w, w) > 0.97).all() and (psnr(found.x, x) > psnr(y, x) + 6).all()
    alone = invkit.compose("circconv", ["vae:shake?flow=false", "gaussian:mnist"], SEARCH)(y)
    assert (psnr(alone.x, x) < psnr(found.x, x) - 2).all()
    assert alone.status == (invkit.Status.DOUBTFUL,)
