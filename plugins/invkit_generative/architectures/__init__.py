"""The network architectures, by the name a recipe or a card calls them.

    network = build("paper-mnist")                    # an untrained VAENetwork
    mean, log_variance = network.encode(x)            # (n, 100) each
    x_hat = network.decode(mean)                      # (n, 1, 28, 28), values in [0, 1]

`paper-blur`, `paper-mnist`, `paper-svhn` and `dcgan` are those of arXiv 1802.04073; `residual` is ours. So is
`flow`, which adds a prior of the latents to any other.
"""

from __future__ import annotations

from functools import partial

from invkit.training import networks
from invkit_generative.architectures.flow import FlowVAE
from invkit_generative.architectures.network import Signals, VAENetwork
from invkit_generative.architectures.plain import PLAIN

__all__ = ["ARCHITECTURES", "FlowVAE", "Signals", "VAENetwork", "build"]

ARCHITECTURES: dict[str, type[VAENetwork]] = {**PLAIN, "flow": FlowVAE}

build = partial(networks.build, ARCHITECTURES)
"""Builds an untrained network by name and options; see `invkit.training.networks.build`."""
