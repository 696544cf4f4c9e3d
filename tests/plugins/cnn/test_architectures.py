"""The networks: L15 layer by layer, the small one, and what both do to shifted pictures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit_cnn.architectures import ARCHITECTURES, L15, Network, Residual, build
from invkit_cnn.architectures.residual import Circular

SMALL: dict[str, Any] = {"channels": 1, "patch": 2, "width": 6, "blocks": 2}


def stirred(network: Network, scale: float = 0.3) -> Network:
    """The network with noise on its weights, in double precision: no layer is zero any more."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=rng))
    return network.double()


def picture(channels: int, height: int, width: int, seed: int = 0, n: int = 2) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, height, width, generator=rng, dtype=torch.float64) - 0.5


def test_l15_has_the_published_filters_channels_and_parameters() -> None:
    network = build("l15")
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    # BMVC 2015, the network L15, filters and channels as printed there.
    filters = "19 1 1 1 1 3 1 5 5 3 5 5 1 7 7"
    channels = "128 320 320 320 128 128 512 128 128 128 128 128 256 64 3"
    groups = "1 1 1 1 1 1 1 4 2 1 2 2 1 2 1"
    assert " ".join(str(layer.kernel_size[0]) for layer in layers) == filters
    assert " ".join(str(layer.out_channels) for layer in layers) == channels
    assert " ".join(str(layer.groups) for layer in layers) == groups
    assert all(layer.kernel_size[0] == layer.kernel_size[1] for layer in layers)
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_256_195
    kinds = [type(layer) for layer in L15().layers]
    assert kinds == [nn.Conv2d, nn.ReLU] * 14 + [nn.Conv2d]


@pytest.mark.parametrize("size", [(9, 9), (32, 32), (16, 27)])
def test_l15_keeps_the_shape(size: tuple[int, int]) -> None:
    with torch.no_grad():
        assert build("l15")(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_the_small_network_is_small_and_takes_both_sizes() -> None:
    network = build("residual", {"patch": 4, "width": 64, "blocks": 8})
    assert sum(parameter.numel() for parameter in network.parameters()) < 0.5e6
    for side in (32, 64):
        assert network(torch.rand(1, 3, side, side)).shape == (1, 3, side, side)


def test_the_small_network_starts_as_the_identity() -> None:
    y = picture(3, 8, 12)
    assert torch.equal(build("residual", {"patch": 4}).double()(y), y)


@given(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([1, 2, 3]), st.integers(0, 2**16))
def test_the_small_network_commutes_with_shifts_by_patches(
    down: int, right: int, patch: int, seed: int
) -> None:
    network = stirred(build("residual", {**SMALL, "patch": patch}))
    y, shifts = picture(1, 4 * patch, 6 * patch, seed), (down * patch, right * patch)
    with torch.no_grad():
        assert torch.allclose(network(y.roll(shifts, (2, 3))), network(y).roll(shifts, (2, 3)), atol=1e-10)
        assert not torch.allclose(network(y), y, atol=1e-3)


def test_l15_commutes_with_every_shift() -> None:
    network = stirred(build("l15", {"channels": 1}), 0.0)
    y = picture(1, 9, 10, n=1)
    with torch.no_grad():
        assert torch.allclose(network(y.roll((2, -3), (2, 3))), network(y).roll((2, -3), (2, 3)), atol=1e-10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_pictures_of_a_batch_do_not_see_each_other(name: str) -> None:
    network = stirred(build(name, SMALL if name == "residual" else {"channels": 1}), 0.01)
    y = picture(1, 10, 10, n=3)
    with torch.no_grad():
        assert torch.allclose(network(y)[1:2], network(y[1:2]), atol=1e-12)


@given(st.sampled_from([1, 3, 5]), st.integers(5, 7), st.integers(5, 8), st.integers(0, 2**16))
def test_the_circular_layer_is_torchs_with_its_gradients(
    size: int, height: int, width: int, seed: int
) -> None:
    ours = Circular(2, 3, size).double()
    theirs = nn.Conv2d(2, 3, size, padding=size // 2, padding_mode="circular").double()
    theirs.load_state_dict(ours.state_dict())
    y = picture(2, height, width, seed)
    found = []
    for layer in (ours, theirs):
        given_to = y.clone().requires_grad_()
        made = layer(given_to)
        (made * torch.sin(made)).sum().backward()
        assert given_to.grad is not None and layer.weight.grad is not None
        found.append((made.detach(), given_to.grad, layer.weight.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("l16", {}, "unknown architecture 'l16'; choose one of l15, residual"),
        ("l15", {"width": 3}, "does not take the options"),
        ("residual", {"blocks": 0}, "blocks 0; give positive numbers"),
    ],
)
def test_what_cannot_be_built(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(WeightsError) as caught:
        build(name, options)
    assert says in str(caught.value)


def test_the_default_is_the_small_one_of_the_faces() -> None:
    network = build("residual")
    assert isinstance(network, Residual) and (network.channels, network.multiple) == (3, 4)
