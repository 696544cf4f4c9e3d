"""Registers the solver: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``irgnm``."""
    registry.solver(
        "irgnm",
        "invkit_newton.irgnm:IRGNM",
        summary="iteratively regularised Gauss-Newton: MRI with unknown coils",
    )
