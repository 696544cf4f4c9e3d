"""Registers what deblurs photographs without training: names only, nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register solvers that find kernels of photographs, and the priors they are made for."""
    registry.solver(
        "darkprior",
        "invkit_photographs.darkprior:DarkPrior",
        summary="blind deblurring by the dark channel prior, trained on nothing (Pan et al., CVPR 2016)",
    )
    registry.solver(
        "kernelsearch",
        "invkit_photographs.kernelsearch:KernelSearch",
        summary="kernel of a photograph: many quick searches, judged by the evidence",
    )
    registry.solver(
        "caution",
        "invkit_photographs.caution:Caution",
        summary="a last stage: softens doubtful images, leaves images that are not blurred alone",
    )
    registry.prior(
        "blind",
        "invkit_photographs.blind:Blind",
        summary="any kernel without negative entries, of unit sum: blind?size=27",
    )
    registry.prior(
        "darkchannel",
        "invkit_photographs.image:DarkChannel",
        summary="free pixels with few gradients and a mostly black dark channel",
    )
    registry.prior(
        "sparse",
        "invkit_photographs.sparse:Sparse",
        summary="photographs of any size, by sparse derivatives, for evidence",
    )
