"""Registers the alternating gradient descent solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """The solver ``altgd``, the default one."""
    registry.solver(
        "altgd",
        "invkit_altgd.altgd:AltGD",
        summary="alternating gradient descent on both latents, batched restarts (arXiv 1802.04073)",
        default=True,
    )
