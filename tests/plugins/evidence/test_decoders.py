"""Kernels by a trained decoder: the evidence takes a prior at its word, so its draws have to be kernels."""

from __future__ import annotations

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


def test_kernels_by_a_decoder_whose_draws_are_none_are_doubtful() -> None:
    """Most of them are: of the first ten digits seven."""
    _, _, y = shaken([0, 1, 2])
    alone = invkit.compose("circconv", ["vae:shake?flow=false", "gaussian:mnist"], SEARCH)(y)
    assert alone.status == (invkit.Status.DOUBTFUL,) * 3
