"""Registers the monitors: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``progress``, ``history`` and ``tensorboard``."""
    registry.monitor(
        "progress",
        "invkit_monitors.progress:ProgressBar",
        summary="a bar with the time left, on stderr",
        default=True,
    )
    registry.monitor(
        "history",
        "invkit_monitors.history:History",
        summary="objective and residual of all restarts, as arrays",
    )
    registry.monitor(
        "tensorboard",
        "invkit_monitors.tensorboard:TensorBoard",
        summary="scalars and images: tensorboard:DIR",
    )
