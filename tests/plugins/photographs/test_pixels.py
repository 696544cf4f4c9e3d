"""Free pixels of an image, whose shape follows from the measurement."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import ShapeError
from invkit_photographs.pixels import Pixels


@pytest.mark.parametrize("spec", ["sparse?eps=0.1", "darkchannel?patch=5,gradient=0.5,dark=2,eps=0.1"])
def test_a_shape_is_given_once_and_the_options_stay(spec: str) -> None:
    prior = invkit.prior(spec)
    assert isinstance(prior, Pixels) and prior.signal_shape is None and prior.role == "image"
    tied = prior.shaped((3, 7, 8))
    assert tied.signal_shape == tied.latent_shape == (3, 7, 8) and prior.signal_shape is None
    x = torch.rand(2, 3, 7, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(tied(x), x) and torch.equal(tied.encode(x), x)
    assert torch.equal(tied.penalty(x, x), prior.penalty(x, x))
    assert tied.shaped((3, 7, 8)).signal_shape == (3, 7, 8)
    with pytest.raises(ShapeError):
        tied.shaped((3, 8, 8))


@pytest.mark.parametrize("spec", ["sparse", "darkchannel"])
@pytest.mark.parametrize("shape", [(8,), (8, 8), (1, 0, 8), (1, 1, 8, 8)])
def test_what_is_no_image_is_refused(spec: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"is a prior of images, got the shape"):
        invkit.prior(spec).shaped(shape)
