"""The network: pictures of any size, the identity before training, and blind to no level."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import WeightsError
from invkit_denoiser.network import Plain, build

OPTIONS = {"channels": 2, "patch": 3, "width": 4, "blocks": 2}


@given(height=st.integers(1, 12), width=st.integers(1, 12))
def test_any_size_and_the_identity_at_first(height: int, width: int) -> None:
    noisy = torch.rand(2, 2, height, width)
    assert torch.equal(build("plain", OPTIONS)(noisy, torch.rand(2)), noisy)


def test_the_level_matters_and_rows_do_not_mix() -> None:
    network, noisy = random(), torch.rand(2, 2, 9, 9)
    both = network(noisy, torch.tensor([0.1, 0.2]))
    # some CPUs compute in bfloat16
    assert torch.allclose(both[1:], network(noisy[1:], torch.tensor([0.2])), atol=0.02)
    assert not torch.allclose(both[1:], network(noisy[1:], torch.tensor([0.1])), atol=1e-3)


def random(**options: object) -> Plain:
    """A network with weights of no meaning."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build("plain", OPTIONS | options)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return network


def test_one_network_takes_colour_and_grey() -> None:
    network, sigma = random(channels=3, grey=True), torch.tensor([0.1, 0.2])
    grey = torch.rand(2, 1, 7, 8)
    assert network(grey, sigma).shape == grey.shape
    as_colour = network(grey.expand(2, 3, 7, 8), sigma).mean(1, keepdim=True)
    assert not torch.allclose(network(grey, sigma), as_colour, atol=1e-3)  # it is told which it sees
    assert torch.equal(build("plain", OPTIONS | {"channels": 3, "grey": True})(grey, sigma), grey)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(WeightsError, match="positive"):
        build("plain", {"blocks": 0})
    with pytest.raises(WeightsError, match="does not take"):
        build("plain", {"depth": 3})
