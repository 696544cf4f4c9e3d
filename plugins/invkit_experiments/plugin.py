"""Registers the commands ``demo``, ``calibrate`` and ``bench``; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``invkit demo``, ``invkit calibrate`` and ``invkit bench``."""
    registry.command(
        "demo",
        "invkit_experiments.demo:demo",
        summary="Deblur packaged MNIST digits blind and show the result.",
    )
    registry.command(
        "calibrate",
        "invkit_experiments.calibrate:calibrate",
        summary="Find out how sure a solver may be of what it finds with a prior.",
    )
    registry.command(
        "bench", "invkit_experiments.bench:bench", summary="Measure methods side by side on the same inputs."
    )
