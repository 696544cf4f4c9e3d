"""Registers the commands ``demo`` and ``bench``; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``invkit demo`` and ``invkit bench``."""
    registry.command(
        "demo",
        "invkit_experiments.demo:demo",
        summary="Deblur packaged MNIST digits blind and show the result.",
    )
    registry.command(
        "bench", "invkit_experiments.bench:bench", summary="Measure methods side by side on the same inputs."
    )
