"""The networks, by the name a recipe or a card calls them.

    network = build("l15", {"channels": 3})              # untrained; build("residual") is the small one
    x_hat = network(y - 0.5) + 0.5                       # (n, 3, height, width) → the same

Both take pictures of any size that their `multiple` and `smallest` allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invkit.errors import WeightsError
from invkit_cnn.architectures.hradis import L15
from invkit_cnn.architectures.residual import Residual

__all__ = ["ARCHITECTURES", "L15", "Network", "Residual", "build"]

Network = L15 | Residual

ARCHITECTURES: dict[str, type[L15] | type[Residual]] = {"l15": L15, "residual": Residual}


def build(name: str, options: Mapping[str, Any] | None = None) -> Network:
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
