"""The VAEs of arXiv 1802.04073, Sections 4.1 to 4.3, layer by layer.

C = convolution, ↑ = transposed, (filters, kernel, stride where it is not 1), B = batch norm, R = ReLU,
D = dense, S = sigmoid:

    paper-blur    C(20, 2×2) R maxpool2 C(20, 2×2) R maxpool2 flatten D50, D50
                  D720 R reshape(20×6×6) up2 C↑(20, 2×2) R up2 C↑(20, 2×2) R C↑(1, 2×2) S → 28×28
    paper-mnist   C(20, 3×3) R maxpool2 C(20, 3×3) R maxpool2 flatten D500 R D100, D100
                  D500 R reshape(20×5×5) up2 C↑(20, 3×3) R up2 C↑(20, 3×3) R C↑(1, 3×3) S → 28×28
    paper-svhn    C(128, 2×2, 2) B R C(256, 2×2, 2) B R C(512, 2×2, 2) B R flatten D100, D100
                  D8192 reshape(512×4×4) C↑(512, 2×2, 2) B R C↑(256, 2×2, 2) B R C↑(128, 2×2, 2) B R
                  C(3, 1×1) S → 32×32
"""

from __future__ import annotations

from torch import nn

from invkit.errors import WeightsError
from invkit_generative.architectures.network import VAENetwork

__all__ = ["PaperBlurVAE", "PaperMnistVAE", "PaperSvhnVAE"]


class _SmallVAE(VAENetwork):
    """Two convolutions and poolings of 20 channels down to ``base × base`` pixels, and back."""

    def __init__(self, size: int, latent: int, base: int, kernel: int, *, dense: bool) -> None:
        super().__init__()
        features = 20 * base**2
        self.latent_shape, self.signal_shape = (latent,), (1, size, size)
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 20, kernel), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(20, 20, kernel), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
            *((nn.Linear(features, features), nn.ReLU()) if dense else ()),
            nn.Linear(features, 2 * latent),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent, features), nn.ReLU(), nn.Unflatten(1, (20, base, base))),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, kernel), nn.ReLU()),
            *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(20, 20, kernel), nn.ReLU()),
            *(nn.ConvTranspose2d(20, 1, kernel), nn.Sigmoid()),
        )


class PaperBlurVAE(_SmallVAE):
    """The paper's blur VAE.

    Args:
        size: pixels of a side, ``4·base + 4``, with ``20·base²`` dense units: 28 and 720 in the paper.
        latent: 50 in the paper.
    """

    def __init__(self, size: int = 28, latent: int = 50) -> None:
        if size % 4 or size < 12:
            raise WeightsError(
                f"paper-blur cannot make kernels of {size} pixels", hint="choose a multiple of 4, at least 12"
            )
        super().__init__(size, latent, size // 4 - 1, 2, dense=False)


class PaperMnistVAE(_SmallVAE):
    """The paper's MNIST VAE; ``latent`` is 100 in the paper."""

    def __init__(self, latent: int = 100) -> None:
        super().__init__(28, latent, 5, 3, dense=True)


class PaperSvhnVAE(VAENetwork):
    """The paper's SVHN VAE; ``latent`` is 100 in the paper."""

    def __init__(self, latent: int = 100) -> None:
        super().__init__()
        self.latent_shape, self.signal_shape = (latent,), (3, 32, 32)
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 128, 2, 2), nn.BatchNorm2d(128), nn.ReLU()),
            *(nn.Conv2d(128, 256, 2, 2), nn.BatchNorm2d(256), nn.ReLU()),
            *(nn.Conv2d(256, 512, 2, 2), nn.BatchNorm2d(512), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(512 * 4 * 4, 2 * latent)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent, 8192), nn.Unflatten(1, (512, 4, 4))),
            *(nn.ConvTranspose2d(512, 512, 2, 2), nn.BatchNorm2d(512), nn.ReLU()),
            *(nn.ConvTranspose2d(512, 256, 2, 2), nn.BatchNorm2d(256), nn.ReLU()),
            *(nn.ConvTranspose2d(256, 128, 2, 2), nn.BatchNorm2d(128), nn.ReLU()),
            *(nn.Conv2d(128, 3, 1), nn.Sigmoid()),
        )
