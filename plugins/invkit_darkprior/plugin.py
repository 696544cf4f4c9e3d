"""Registers the dark-channel-prior solver and its priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``darkprior`` and the priors it is made for."""
    registry.solver(
        "darkprior",
        "invkit_darkprior.darkprior:DarkPrior",
        summary="blind deblurring by the dark channel prior, trained on nothing (Pan et al., CVPR 2016)",
    )
    registry.prior(
        "blind",
        "invkit_darkprior.blind:Blind",
        summary="any kernel: no negative entries, unit sum: blind?size=27",
    )
    registry.prior(
        "darkchannel",
        "invkit_darkprior.image:DarkChannel",
        summary="free pixels, few gradients and a dark channel that is mostly zero",
    )
