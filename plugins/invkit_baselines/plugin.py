"""Registers solvers to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``tv``."""
    registry.solver(
        "tv", "invkit_baselines.tv:TV", summary="known kernel, total-variation deconvolution by the ADMM"
    )
