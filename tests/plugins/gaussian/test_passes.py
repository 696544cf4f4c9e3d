"""A pass takes every training image, and its mirror image, once."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit_gaussian.passes import Passes


@pytest.mark.parametrize("batch", [7, 30, 100])
def test_passes_take_every_image_and_its_mirror_image_once(batch: int) -> None:
    data = invkit.dataset("shake")
    passes = Passes(data, batch, mirror=True, limit=30)
    expected = data.take(torch.arange(30), "train")
    for _ in range(2):
        images = list(passes())
        assert torch.equal(torch.cat(images[::2]), expected)
        assert torch.equal(torch.cat(images[1::2]), expected.flip(-1))
