"""Registers the noise models: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``gaussian``, ``poisson`` and ``robust``."""
    registry.noise(
        "gaussian",
        "invkit.contracts.noise:Gaussian",
        summary="white Gaussian noise; sigma if it is known",
        default=True,
    )
    registry.noise(
        "poisson",
        "invkit_noise.poisson:Poisson",
        summary="counts, e.g. of photons, in any unit",
    )
    registry.noise("robust", "invkit_noise.robust:Robust", summary="Huber loss, for a few wrong entries")
