"""Registers solvers to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``tv``, ``blindrl`` and ``range``."""
    registry.solver(
        "tv", "invkit_baselines.tv:TV", summary="known kernel, total-variation deconvolution by the ADMM"
    )
    registry.solver(
        "blindrl",
        "invkit_baselines.blindrl:BlindRL",
        summary="blind Richardson-Lucy updates of non-negative signals; with a known kernel, the plain ones",
    )
    registry.solver(
        "range",
        "invkit_baselines.closest:Range",
        summary="closest image in range to the measurement; no kernel (arXiv 1802.04073, Section 2.1)",
    )
