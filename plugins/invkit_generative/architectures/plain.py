"""The architectures that stand alone, by name; those made of others are added in the package itself."""

from __future__ import annotations

from invkit_generative.architectures.dcgan import DCGAN
from invkit_generative.architectures.network import VAENetwork
from invkit_generative.architectures.paper import PaperBlurVAE, PaperMnistVAE, PaperSvhnVAE
from invkit_generative.architectures.residual import ResidualVAE

__all__ = ["PLAIN"]

PLAIN: dict[str, type[VAENetwork]] = {
    "paper-blur": PaperBlurVAE,
    "paper-mnist": PaperMnistVAE,
    "paper-svhn": PaperSvhnVAE,
    "residual": ResidualVAE,
    "dcgan": DCGAN,
}
