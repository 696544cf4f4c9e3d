"""Registers the generic solvers: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``als``, ``lm`` and ``palm``."""
    registry.solver(
        "als",
        "invkit_bilinear.als:ALS",
        summary="alternating least squares by conjugate gradients, spectral starts",
    )
    registry.solver(
        "lm",
        "invkit_bilinear.lm:LM",
        summary="Levenberg–Marquardt with variable projection, spectral starts",
    )
