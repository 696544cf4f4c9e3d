"""Registers the classical priors: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the priors that need no training."""
    registry.prior(
        "known",
        "invkit_classical.known:Known",
        summary="a given signal: known:kernel.png?normalise=sum",
        default=True,
    )
    registry.prior(
        "identity",
        "invkit_classical.identity:Identity",
        summary="free pixels, penalty=l2, l1, tv or tv-anisotropic",
    )
    registry.prior(
        "sobolev",
        "invkit_classical.sobolev:Sobolev",
        summary="smooth signals, e.g. sensitivities of coils: sobolev?scale=15",
    )
    registry.prior(
        "squares",
        "invkit_classical.squares:Squares",
        summary="non-negative signals, as squares of numbers; l1 penalty",
    )
    registry.prior(
        "wavelet",
        "invkit_classical.wavelet:Wavelet",
        summary="wavelet synthesis, l1 on details: wavelet:db4?level=2",
    )
    registry.prior(
        "subspace",
        "invkit_classical.subspace:Subspace",
        summary="mean + basis · z, given basis: subspace:basis.npz",
    )
    registry.prior(
        "product",
        "invkit_classical.product:EqualParts",
        summary="independent parts side by side: product:trajectory?count=3",
    )
    registry.prior(
        "tied", "invkit.contracts.combined:Tied", summary="w equals x, or its conjugate (phase retrieval)"
    )
    registry.prior(
        "nonnegative",
        "invkit_classical.sets:Nonnegative",
        summary="no negative values; with penalty=l1 few above zero",
    )
    registry.prior(
        "fractions",
        "invkit_classical.sets:Fractions",
        summary="no negative values, unit sum along an axis: abundances of every pixel",
    )
    registry.prior(
        "atoms", "invkit_classical.sets:Atoms", summary="a dictionary: at most unit norm along an axis"
    )
    registry.prior("signs", "invkit_classical.sets:Signs", summary="known signs: signs:signs.npy")
