"""The network architectures, by the name a recipe or a card calls them.

    network = build("paper-mnist")                    # an untrained VAENetwork
    mean, log_variance = network.encode(x)            # (n, 100) each
    x_hat = network.decode(mean)                      # (n, 1, 28, 28), values in [0, 1]

`paper-blur`, `paper-mnist`, `paper-svhn` and `dcgan` are those of arXiv 1802.04073; `residual` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invkit.errors import WeightsError
from invkit_generative.architectures.dcgan import DCGAN
from invkit_generative.architectures.network import Signals, VAENetwork
from invkit_generative.architectures.paper import PaperBlurVAE, PaperMnistVAE, PaperSvhnVAE
from invkit_generative.architectures.residual import ResidualVAE

__all__ = ["ARCHITECTURES", "Signals", "VAENetwork", "build"]

ARCHITECTURES: dict[str, type[VAENetwork]] = {
    "paper-blur": PaperBlurVAE,
    "paper-mnist": PaperMnistVAE,
    "paper-svhn": PaperSvhnVAE,
    "residual": ResidualVAE,
    "dcgan": DCGAN,
}


def build(name: str, options: Mapping[str, Any] | None = None) -> VAENetwork:
    """Build an untrained network.

    Args:
        name: one of `ARCHITECTURES`.
        options: of its class.

    Raises:
        WeightsError: an unknown name or option.
    """
    if name not in ARCHITECTURES:
        raise WeightsError(f"unknown architecture {name!r}", hint=f"choose one of {', '.join(ARCHITECTURES)}")
    try:
        return ARCHITECTURES[name](**(options or {}))
    except TypeError as error:
        raise WeightsError(
            f"architecture {name} does not take the options {dict(options or {})}", hint=str(error)
        ) from error
