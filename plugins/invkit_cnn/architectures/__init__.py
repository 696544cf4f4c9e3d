"""The networks, by the name a recipe or a card calls them.

    network = build("l15", {"channels": 3})              # untrained; build("residual") is the small one
    x_hat = network(y - 0.5) + 0.5                       # (n, 3, height, width) → the same

Both take pictures of any size that their `multiple` and `smallest` allow.
"""

from __future__ import annotations

from functools import partial

from invkit.training import networks
from invkit_cnn.architectures.hradis import L15
from invkit_cnn.architectures.residual import Residual

__all__ = ["ARCHITECTURES", "L15", "Network", "Residual", "build"]

Network = L15 | Residual

ARCHITECTURES: dict[str, type[Network]] = {"l15": L15, "residual": Residual}

build = partial(networks.build, ARCHITECTURES)
"""Builds an untrained network by name and options; see `invkit.training.networks.build`."""
