"""Registers Gaussian priors of image classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``gaussian``, ``spectrum`` and ``mixture``, the shipped weights, and what fits them."""
    registry.prior(
        "gaussian",
        "invkit_gaussian.gaussian:Gaussian",
        summary="a class of images as a Gaussian, which can be integrated out: gaussian:celeba?rank=128",
    )
    registry.prior(
        "spectrum",
        "invkit_gaussian.spectrum:Spectrum",
        summary="images of a power-law spectrum, any size, which can be integrated out",
    )
    registry.prior(
        "mixture",
        "invkit_gaussian.mixture:Mixture",
        summary="one of several priors that can be integrated out: mixture:gaussian:celeba+spectrum",
    )
    registry.prior(
        "bounded",
        "invkit_gaussian.bounded:Bounded",
        summary="a prior that can be integrated out, with images between 0 and 1: bounded:spectrum",
    )
    registry.weights("gaussian", "invkit_gaussian:weights/gaussian")
    registry.trainer(
        "gaussian",
        "invkit_gaussian.trainer:GaussianTrainer",
        summary="Gaussian priors of a class of images, in a minute",
    )
