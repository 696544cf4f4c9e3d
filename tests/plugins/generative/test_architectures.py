"""The paper's networks, layer by layer (arXiv 1802.04073, Sections 4.1 and 4.3)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit_generative.architectures import ARCHITECTURES, build

Layers = list[tuple[str, tuple[int, ...]]]

BLUR_ENCODER: Layers = [
    ("Conv2d", (20, 27, 27)),
    ("ReLU", (20, 27, 27)),
    ("MaxPool2d", (20, 13, 13)),
    ("Conv2d", (20, 12, 12)),
    ("ReLU", (20, 12, 12)),
    ("MaxPool2d", (20, 6, 6)),
    ("Flatten", (720,)),
    ("Linear", (100,)),  # mean and log-variance, 50 each
]
BLUR_DECODER: Layers = [
    ("Linear", (720,)),
    ("ReLU", (720,)),
    ("Unflatten", (20, 6, 6)),
    ("Upsample", (20, 12, 12)),
    ("ConvTranspose2d", (20, 13, 13)),
    ("ReLU", (20, 13, 13)),
    ("Upsample", (20, 26, 26)),
    ("ConvTranspose2d", (20, 27, 27)),
    ("ReLU", (20, 27, 27)),
    ("ConvTranspose2d", (1, 28, 28)),
    ("Sigmoid", (1, 28, 28)),
]
MNIST_ENCODER: Layers = [
    ("Conv2d", (20, 26, 26)),
    ("ReLU", (20, 26, 26)),
    ("MaxPool2d", (20, 13, 13)),
    ("Conv2d", (20, 11, 11)),
    ("ReLU", (20, 11, 11)),
    ("MaxPool2d", (20, 5, 5)),
    ("Flatten", (500,)),
    ("Linear", (500,)),
    ("ReLU", (500,)),
    ("Linear", (200,)),  # mean and log-variance, 100 each
]
MNIST_DECODER: Layers = [
    ("Linear", (500,)),
    ("ReLU", (500,)),
    ("Unflatten", (20, 5, 5)),
    ("Upsample", (20, 10, 10)),
    ("ConvTranspose2d", (20, 12, 12)),
    ("ReLU", (20, 12, 12)),
    ("Upsample", (20, 24, 24)),
    ("ConvTranspose2d", (20, 26, 26)),
    ("ReLU", (20, 26, 26)),
    ("ConvTranspose2d", (1, 28, 28)),
    ("Sigmoid", (1, 28, 28)),
]


def trace(module: nn.Module, signal: Tensor) -> Layers:
    """The layers in the order they are passed, with the shape each puts out."""
    seen: Layers = []
    for layer in module.children():
        layer.register_forward_hook(lambda m, _, out: seen.append((type(m).__name__, tuple(out.shape[1:]))))
    module(signal)
    return seen


@pytest.mark.parametrize(
    ("name", "encoder", "decoder", "latent", "filters"),
    [
        ("paper-blur", BLUR_ENCODER, BLUR_DECODER, 50, 2),
        ("paper-mnist", MNIST_ENCODER, MNIST_DECODER, 100, 3),
    ],
)
def test_layers_are_the_papers(
    name: str, encoder: Layers, decoder: Layers, latent: int, filters: int
) -> None:
    network = build(name)
    assert trace(network.encoder, torch.rand(2, 1, 28, 28)) == encoder
    assert trace(network.decoder, torch.rand(2, latent)) == decoder
    kernels = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(kernels) == 5
    assert all(m.kernel_size == (filters, filters) and m.stride == (1, 1) for m in kernels)
    ups = [m for m in network.modules() if isinstance(m, nn.Upsample)]
    assert [m.scale_factor for m in ups] == [2.0, 2.0]


def convolution(inputs: int, outputs: int, size: int) -> int:
    return inputs * outputs * size**2 + outputs


def dense(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (
            "paper-blur",
            convolution(1, 20, 2) + convolution(20, 20, 2) + 2 * dense(720, 50)
            + dense(50, 720) + 2 * convolution(20, 20, 2) + convolution(20, 1, 2),
        ),
        (
            "paper-mnist",
            convolution(1, 20, 3) + convolution(20, 20, 3) + dense(500, 500) + 2 * dense(500, 100)
            + dense(100, 500) + 2 * convolution(20, 20, 3) + convolution(20, 1, 3),
        ),
    ],
)  # fmt: skip
def test_parameter_counts(name: str, count: int) -> None:
    assert sum(p.numel() for p in build(name).parameters()) == count


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_shapes_are_as_declared_and_values_between_0_and_1(name: str) -> None:
    network = build(name)
    mean, log_variance = network.encode(torch.rand(3, *network.signal_shape))
    assert mean.shape == log_variance.shape == (3, *network.latent_shape)
    made = network.decode(mean)
    assert made.shape == (3, *network.signal_shape)
    assert (made > 0).all() and (made < 1).all()


@pytest.mark.parametrize("size", [12, 32, 64])
def test_the_blur_network_scales_with_its_size(size: int) -> None:
    network = build("paper-blur", {"size": size, "latent": 7})
    assert network.signal_shape == (1, size, size) and network.latent_shape == (7,)
    mean, _ = network.encode(torch.rand(2, 1, size, size))
    assert network.decode(mean).shape == (2, 1, size, size)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("paper-svhn", {}, "unknown VAE architecture 'paper-svhn'; choose one of paper-blur"),
        ("paper-blur", {"size": 30}, "kernels of 30 pixels; choose a multiple of 4"),
        ("paper-blur", {"size": 8}, "kernels of 8 pixels"),
        ("paper-blur", {"width": 3}, "does not take the options {'width': 3}"),
        ("paper-mnist", {"size": 28}, "does not take the options"),
    ],
)
def test_what_cannot_be_built(name: str, options: dict[str, int], says: str) -> None:
    with pytest.raises(WeightsError) as caught:
        build(name, options)
    assert says in str(caught.value)
