"""Registers Gaussian priors of image classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the Gaussian priors, the shipped weights, and what fits them."""
    registry.prior(
        "gaussian",
        "invkit_gaussian.gaussian:Gaussian",
        summary="a class of images as a Gaussian distribution, for evidence: gaussian:celeba",
    )
    registry.prior(
        "spectrum",
        "invkit_gaussian.spectrum:Spectrum",
        summary="images of any size with a power-law spectrum, for evidence",
    )
    registry.prior(
        "mixture",
        "invkit_gaussian.mixture:Mixture",
        summary="one of several priors, not known which: mixture:gaussian:celeba+spectrum",
    )
    registry.prior(
        "bounded",
        "invkit_gaussian.bounded:Bounded",
        summary="a Gaussian prior of images between 0 and 1: bounded:spectrum",
    )
    registry.prior(
        "patches",
        "invkit_gaussian.patches:Patches",
        summary="pictures larger than a Gaussian class, by overlapping patches: patches:gaussian:mine",
    )
    registry.weights("gaussian", "invkit_gaussian:weights/gaussian")
    registry.trainer(
        "gaussian",
        "invkit_gaussian.trainer:GaussianTrainer",
        summary="Gaussian priors of a class of images, fitted in a minute",
    )
