"""`dcgan`: the paper's generator of 64 × 64 faces, and what discriminators and encoders are made of.

    D8192 reshape(512×4×4) B R C↑(256) B R C↑(128) B R C↑(64) B R C↑(3) tanh → 3×64×64 in [−1, 1]

with C↑ 5×5 of stride 2; here (tanh + 1)/2 gives values in [0, 1]. The discriminator mirrors it.

Source: arXiv 1802.04073, Section 4.3; A. Radford, L. Metz, S. Chintala, arXiv 1511.06434. The encoder and the
spectral norm are ours to use: the paper trains without them.
"""

from __future__ import annotations

import itertools

from jaxtyping import Float
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit_generative.architectures.network import VAENetwork

__all__ = ["DCGAN", "downward"]


class DCGAN(VAENetwork):
    """The generator alone; what it is trained with is built beside it.

    Args:
        latent: 100 in the paper.
        width: channels before the last layer, 64 in the paper; twice as many at each coarser level.
        size: pixels of a side, 16 or more and a power of 2: 64 in the paper.
        channels: 3 in the paper.
    """

    def __init__(self, latent: int = 100, width: int = 64, size: int = 64, channels: int = 3) -> None:
        super().__init__()
        levels = size.bit_length() - 3
        if size < 16 or size != 1 << (levels + 2):
            raise WeightsError(f"dcgan cannot make signals of {size} pixels", hint="choose 16, 32, 64 or 128")
        self.latent_shape, self.signal_shape = (latent,), (channels, size, size)
        widths = [width << level for level in reversed(range(levels))]
        layers: list[nn.Module] = [
            *(nn.Linear(latent, widths[0] * 16), nn.Unflatten(1, (widths[0], 4, 4))),
            *(nn.BatchNorm2d(widths[0]), nn.ReLU()),
        ]
        for inside, outside in itertools.pairwise(widths):
            layers += [_up(inside, outside), nn.BatchNorm2d(outside), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, _up(widths[-1], channels), nn.Tanh())

    def encode(self, signal: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        raise WeightsError("dcgan has no encoder", hint="train a VAE of another architecture")

    def decode(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        result: Tensor = (self.decoder(latent) + 1) / 2
        return result


def downward(signal_shape: tuple[int, ...], outputs: int, width: int, *, norm: str) -> nn.Sequential:
    """5×5 convolutions of stride 2 with leaky ReLU, then a dense layer: (n, c, h, w) → (n, outputs).

    Args:
        signal_shape: (channels, size, size), the size a power of 2.
        outputs: 1 for a discriminator, twice the latent for an encoder.
        width: channels after the first layer, twice as many after each further one, down to 4×4.
        norm: "batch" (of all convolutions but the first), "spectral" (arXiv 1802.05957) or "none".
    """
    channels, size, _ = signal_shape
    layers: list[nn.Module] = []
    inside = channels
    while size > 4:
        layer: nn.Module = nn.Conv2d(inside, width, 5, stride=2, padding=2)
        layers.append(nn.utils.parametrizations.spectral_norm(layer) if norm == "spectral" else layer)
        if norm == "batch" and inside != channels:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.LeakyReLU(0.2))
        inside, width, size = width, 2 * width, size // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inside * size**2, outputs))


def _up(inside: int, outside: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inside, outside, 5, stride=2, padding=2, output_padding=1)
