"""A real job: real digits, shaken or smeared, with a Gaussian fitted to a few hundred others on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import invkit
from invkit.metrics import kernel_ncc, psnr
from invkit_gaussian.fitting import fit
from invkit_gaussian.gaussian import Gaussian


@pytest.mark.parametrize(("family", "prior_w"), [("shake", "trajectory"), ("blurA", "motion?longest=15")])
def test_two_digits_are_deblurred_blind(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch, family: str, prior_w: str
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(mnist_folder.parent))
    digits = invkit.dataset("mnist")
    others = digits.take(torch.arange(600), "train")
    moments = fit(lambda: iter(others.split(200)), (1, 28, 28), rank=64, colour="joint")
    x = digits.take(torch.arange(40, 42), "validation")
    w = invkit.dataset(family).take(torch.arange(2), "validation")
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    solver = "evidence?starts=96,keep=12x4x2,steps=60,rank=none,finish=1,leaps=0,retries=0,doubt=0"
    found = invkit.compose("circconv", [prior_w, Gaussian(moments)], solver)(y)
    assert (kernel_ncc(found.w, w) > 0.9).all()
    assert (psnr(found.x, x) > psnr(y, x) + 6).all()
