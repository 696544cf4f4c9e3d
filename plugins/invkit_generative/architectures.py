"""The VAE architectures, by the name a recipe or a card calls them.

    network = build("paper-mnist")                    # an untrained VAENetwork
    mean, log_variance = network.encode(x)            # (n, 100) each
    x_hat = network.decode(mean)                      # (n, 1, 28, 28), values in (0, 1)

Both are those of arXiv 1802.04073, Sections 4.1 and 4.3 (C = convolution, R = ReLU, D = dense, S = sigmoid):

    paper-blur    C(20, 2×2) R maxpool2 C(20, 2×2) R maxpool2 flatten D50, D50
                  D720 R reshape(20×6×6) up2 C↑(20, 2×2) R up2 C↑(20, 2×2) R C↑(1, 2×2) S → 28×28
    paper-mnist   C(20, 3×3) R maxpool2 C(20, 3×3) R maxpool2 flatten D500 R D100, D100
                  D500 R reshape(20×5×5) up2 C↑(20, 3×3) R up2 C↑(20, 3×3) R C↑(1, 3×3) S → 28×28
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from invkit.errors import WeightsError


class VAENetwork(nn.Module):
    """An encoder to (mean, log-variance) and a decoder to values in (0, 1)."""

    latent_shape: tuple[int, ...]
    signal_shape: tuple[int, ...]
    encoder: nn.Module
    decoder: nn.Module

    def encode(self, signal: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Mean and log-variance of the approximate posterior q(latent | signal)."""
        mean, log_variance = self.encoder(signal).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The decoder's output, in (0, 1)."""
        result: Tensor = self.decoder(latent)
        return result


class PaperBlurVAE(VAENetwork):
    """The paper's blur VAE.

    Args:
        size: pixels of a side, ``4·base + 4``, with ``20·base²`` dense units: 28 and 720 in the paper.
        latent: 50 in the paper.
    """

    def __init__(self, size: int = 28, latent: int = 50) -> None:
        super().__init__()
        if size % 4 or size < 12:
            raise WeightsError(
                f"paper-blur cannot make kernels of {size} pixels", hint="choose a multiple of 4, at least 12"
            )
        base = size // 4 - 1
        self.latent_shape, self.signal_shape = (latent,), (1, size, size)
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 20, 2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(20, 20, 2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(20 * base**2, 2 * latent)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent, 20 * base**2), nn.ReLU(), nn.Unflatten(1, (20, base, base))),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, 2), nn.ReLU()),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(20, 1, 2), nn.Sigmoid()),
        )


class PaperMnistVAE(VAENetwork):
    """The paper's MNIST VAE; ``latent`` is 100 in the paper."""

    def __init__(self, latent: int = 100) -> None:
        super().__init__()
        self.latent_shape, self.signal_shape = (latent,), (1, 28, 28)
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 20, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(20, 20, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 2 * latent)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent, 500), nn.ReLU(), nn.Unflatten(1, (20, 5, 5))),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, 3), nn.ReLU()),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, 3), nn.ReLU()),
            *(nn.ConvTranspose2d(20, 1, 3), nn.Sigmoid()),
        )


ARCHITECTURES: dict[str, type[VAENetwork]] = {"paper-blur": PaperBlurVAE, "paper-mnist": PaperMnistVAE}


def build(name: str, options: Mapping[str, Any] | None = None) -> VAENetwork:
    """Build an untrained network.

    Args:
        name: one of `ARCHITECTURES`.
        options: of its class.

    Raises:
        WeightsError: an unknown name or option.
    """
    if name not in ARCHITECTURES:
        raise WeightsError(
            f"unknown VAE architecture {name!r}", hint=f"choose one of {', '.join(ARCHITECTURES)}"
        )
    try:
        return ARCHITECTURES[name](**(options or {}))
    except TypeError as error:
        raise WeightsError(
            f"architecture {name} does not take the options {dict(options or {})}", hint=str(error)
        ) from error
