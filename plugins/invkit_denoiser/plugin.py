"""Registers denoisers as priors, their trained weights, what trains them, and plug-and-play and diffusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """The ``denoiser`` prior with its shipped weights and trainer, and the solvers that use denoisers."""
    registry.prior(
        "denoiser",
        "invkit_denoiser.trained:TrainedDenoiser",
        summary="a network that removes noise, for pnp and diffusion: denoiser:photographs",
    )
    registry.weights("denoiser", "invkit_denoiser:weights/denoiser")
    registry.trainer(
        "denoiser", "invkit_denoiser.trainer:DenoiserTrainer", summary="networks that remove noise"
    )
    registry.solver(
        "pnp",
        "invkit_denoiser.pnp:PlugAndPlay",
        summary="plug-and-play: a denoiser in place of a penalty; betters the kernel of the stage before",
    )
    registry.solver(
        "diffusion",
        "invkit_denoiser.diffusion:Diffusion",
        summary="posterior samples of the image by diffusion with a denoiser, for a given w",
    )
