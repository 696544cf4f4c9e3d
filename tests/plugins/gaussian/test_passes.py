"""A pass takes every training image, its other poses and their mirror images, once."""

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


def test_passes_take_every_image_in_further_poses_too() -> None:
    data = invkit.dataset("objects")
    passes = Passes(data, batch=4, poses=2, mirror=True, limit=6)
    expected = data.take(torch.arange(6), "train")
    first, again = list(passes()), list(passes())
    assert passes.count == 6 and len(first) == 12  # two batches, three poses, mirrored
    assert torch.equal(torch.cat(first[::6]), expected)
    assert torch.equal(first[3], first[2].flip(-1)) and not torch.equal(first[2], first[4])
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))  # the same again
