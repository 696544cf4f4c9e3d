"""Names of the products plugin; light, so that listing plugins imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the three products."""
    registry.operator(
        "pointwise",
        "invkit_products.pointwise:PointwiseProduct",
        summary="pointwise product w ⊙ x of signals or images (masks, illumination, coil sensitivities)",
    )
    registry.operator(
        "outer", "invkit_products.outer:OuterProduct", summary="outer product w xᵀ, a matrix of rank one"
    )
    registry.operator(
        "matmul",
        "invkit_products.matmul:MatrixProduct",
        summary="matrix product W X, the map of matrix factorisation and dictionary learning",
    )
