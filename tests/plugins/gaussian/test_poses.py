"""Other poses show the same things, turned, stretched and moved a little, and no other values."""

from __future__ import annotations

import torch

from invkit_gaussian.poses import posed


def things() -> torch.Tensor:
    """Forty equal dark bars on white."""
    images = torch.ones(40, 3, 32, 32)
    images[:, :, 12:20, 6:26] = 0.2
    return images


def test_a_pose_moves_a_thing_and_keeps_its_background() -> None:
    images = things()
    others = posed(images, torch.Generator().manual_seed(0))
    assert others.shape == images.shape and others.min() >= 0 and others.max() <= 1
    apart = (others - images).abs().flatten(1).mean(1)
    assert (apart > 0.005).all() and (apart < 0.2).all()  # elsewhere, and not far
    assert (others - others[:1]).abs().flatten(1).mean(1)[1:].min() > 0.001  # no two are alike
    corners = others[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.allclose(corners, torch.ones_like(corners), atol=1e-3)
    dark = (1 - others).flatten(1).sum(1) / (1 - images).flatten(1).sum(1)
    assert dark.min() > 0.6 and dark.max() < 1.25  # nearer or further away


def test_poses_follow_from_the_generator() -> None:
    images = things()
    first, again, other = (posed(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
