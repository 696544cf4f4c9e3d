"""The paper's networks, layer by layer (arXiv 1802.04073, Sections 4.1 and 4.3)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit_generative.architectures import ARCHITECTURES, build
from invkit_generative.architectures.dcgan import downward

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
    network = build(name).eval()
    latent = torch.randn(3, *network.latent_shape)
    if name != "dcgan":
        mean, log_variance = network.encode(torch.rand(3, *network.signal_shape))
        assert mean.shape == log_variance.shape == latent.shape
    made = network.decode(latent)
    assert made.shape == (3, *network.signal_shape)
    assert (made >= 0).all() and (made <= 1).all()


def test_the_papers_svhn_network() -> None:
    network = build("paper-svhn")
    downs = [(m.out_channels, m.kernel_size, m.stride) for m in network.encoder if isinstance(m, nn.Conv2d)]
    assert downs == [(128, (2, 2), (2, 2)), (256, (2, 2), (2, 2)), (512, (2, 2), (2, 2))]
    shapes = trace(network.decoder, torch.randn(2, 100))
    assert [shape for kind, shape in shapes if kind != "ReLU" and kind != "BatchNorm2d"] == [
        *((8192,), (512, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 32, 32), (3, 32, 32))
    ]
    assert [kind for kind, _ in shapes][-2:] == ["Conv2d", "Sigmoid"]


def test_the_papers_generator() -> None:
    network = build("dcgan")
    shapes = trace(network.decoder, torch.randn(2, 100))
    assert [shape for kind, shape in shapes if kind in ("Linear", "ConvTranspose2d")] == [
        *((8192,), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64))
    ]
    ups = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert all(m.kernel_size == (5, 5) and m.stride == (2, 2) for m in ups)
    with pytest.raises(WeightsError, match="no encoder"):
        network.encode(torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_the_stack_downward_ends_in_its_outputs(norm: str) -> None:
    assert downward((1, 32, 32), 7, 4, norm=norm)(torch.rand(2, 1, 32, 32)).shape == (2, 7)


SMALL = {"size": 8, "latent": 6, "width": 8, "blocks": 2, "inner": 1, "patch": 2}


def low_rank(signals: int, channels: int) -> Tensor:
    """Colour signals that six components explain, chrominance constant over 2 × 2 pixels."""
    draw = torch.Generator().manual_seed(0)
    basis = torch.rand(6, channels, 4, 4, generator=draw).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return 0.1 + 0.13 * torch.einsum("nk,kchw->nchw", torch.rand(signals, 6, generator=draw), basis)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_residual_network_starts_as_the_pca_of_its_data(channels: int) -> None:
    signals = low_rank(200, channels)
    network = build("residual", {**SMALL, "channels": channels})
    network.prepare(lambda: signals, 1e-9)
    network.eval()
    mean, log_variance = network.encode(signals)
    torch.testing.assert_close(network.decode(mean), signals, atol=1e-4, rtol=0)
    # the latents are white: unit variance, no correlation
    torch.testing.assert_close(mean.T @ mean / len(mean), torch.eye(6), atol=2e-2, rtol=0)
    assert (log_variance < -5).all()


def test_the_start_shrinks_as_probabilistic_pca_does() -> None:
    signals = low_rank(200, 1)
    network = build("residual", {**SMALL, "channels": 1})
    network.prepare(lambda: signals, 1e-2)
    mean, log_variance = network.encode(signals)
    spread = torch.linalg.svdvals(signals.flatten(1) - signals.flatten(1).mean(0))[:6].square() / len(signals)
    torch.testing.assert_close(
        mean.square().mean(0), (spread / (spread + 1e-2)).square(), atol=1e-3, rtol=1e-3
    )
    torch.testing.assert_close(log_variance[0].exp(), 1e-2 / (spread + 1e-2), atol=1e-3, rtol=1e-3)


def test_the_residual_network_needs_enough_signals() -> None:
    with pytest.raises(WeightsError, match="need more than 70 signals, there are 20"):
        build("residual", SMALL).prepare(lambda: torch.rand(20, 3, 8, 8), 1e-3)


@pytest.mark.parametrize("size", [12, 32, 64])
def test_the_blur_network_scales_with_its_size(size: int) -> None:
    network = build("paper-blur", {"size": size, "latent": 7})
    assert network.signal_shape == (1, size, size) and network.latent_shape == (7,)
    mean, _ = network.encode(torch.rand(2, 1, size, size))
    assert network.decode(mean).shape == (2, 1, size, size)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("paper-shoes", {}, "unknown architecture 'paper-shoes'; choose one of paper-blur"),
        ("residual", {"channels": 2}, "signals of 2 channels; choose 1 or 3"),
        ("residual", {"size": 30}, "signals of 30 pixels"),
        ("dcgan", {"size": 48}, "choose 16, 32, 64 or 128"),
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
