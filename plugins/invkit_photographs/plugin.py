"""Registers the prior of sparse derivatives: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``sparse``."""
    registry.prior(
        "sparse",
        "invkit_photographs.sparse:Sparse",
        summary="photographs of any size: sparse derivatives, which can be integrated out up to a bound",
    )
