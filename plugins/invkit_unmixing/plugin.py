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
        summary="extreme columns of Y as W (vertex component analysis), X by constrained least squares; a start",
    )
    registry.solver(
        "purest",
        "invkit_unmixing.purest:Purest",
        summary="groups of extreme columns of Y that explain most others as W; a start that outliers do not spoil",
    )
    registry.solver(
        "ice",
        "invkit_unmixing.ice:ConstrainedEndmembers",
        summary="non-negative factorisation Y = W X, columns of W drawn together: unmixing of spectra",
    )
