"""Denoisers: any function as a prior, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.errors import ShapeError
from invkit.testing import check_generator


def halved(noisy: Tensor, sigma: Tensor) -> Tensor:
    """Half of the picture, less the noise's level."""
    return noisy / 2 - sigma[:, None, None, None]


@given(channels=st.integers(1, 4), height=st.integers(1, 9), width=st.integers(1, 9))
def test_any_function_is_a_prior_of_images_of_any_size(channels: int, height: int, width: int) -> None:
    prior = invkit.denoiser(halved, channels).shaped((channels, height, width))
    assert isinstance(prior, invkit.Denoiser) and prior.signal_shape == (channels, height, width)
    x, sigma = torch.rand(2, channels, height, width, dtype=torch.float64), torch.tensor([0.1, 0.2])
    assert torch.equal(prior(prior.encode(x)), x) and not prior.penalty(x, x).any()
    made = prior.denoise(x, sigma.double())
    assert made.dtype == torch.float64
    assert torch.allclose(made, x / 2 - sigma.double()[:, None, None, None])


def test_it_keeps_the_contract_of_priors() -> None:
    check_generator(invkit.denoiser(halved, 1).shaped((1, 3, 4)))


def test_another_number_of_channels_is_refused() -> None:
    prior = invkit.denoiser(halved, 1)
    with pytest.raises(ShapeError, match=r"1 channel"):
        prior.shaped((3, 8, 8))
    with pytest.raises(ShapeError, match="channel"):
        prior.shaped((8,))
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\)"):
        prior.shaped((1, 8, 8)).shaped((1, 9, 8))


def test_a_network_of_another_shape_is_refused() -> None:
    prior = invkit.denoiser(lambda noisy, sigma: noisy[..., 1:], 1)
    with pytest.raises(ShapeError, match="same shape"):
        prior.denoise(torch.rand(1, 1, 4, 4), torch.tensor([0.1]))
