"""Registers the solver that integrates the image out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``evidence``."""
    registry.solver(
        "evidence",
        "invkit_evidence.evidence:Evidence",
        summary="maximum marginal likelihood of the kernel, the image integrated out",
    )
