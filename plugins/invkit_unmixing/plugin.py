"""Registers the solvers of unmixing: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``vca``, ``purest`` and ``ice``."""
    registry.solver(
        "vca",
        "invkit_unmixing.vca:VertexComponents",
        summary="Y = W X: the extreme columns of Y are W (vertex component analysis); for a start",
    )
    registry.solver(
        "purest",
        "invkit_unmixing.purest:Purest",
        summary="Y = W X: groups of extreme columns that explain the others are W; for a start",
    )
    registry.solver(
        "ice",
        "invkit_unmixing.ice:ConstrainedEndmembers",
        summary="Y = W X without negative values, columns of W close together: unmixing",
    )
