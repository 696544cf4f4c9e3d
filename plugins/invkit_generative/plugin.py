"""Registers trained generative priors and what trains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """The ``vae`` and ``gan`` priors with their shipped weights, and their trainers."""
    registry.prior(
        "vae",
        "invkit_generative.decoder:VAE",
        summary="decoder of a trained variational autoencoder: vae:blurA, vae:mnist, …",
    )
    registry.weights("vae", "invkit_generative:weights/vae")
    registry.trainer(
        "vae",
        "invkit_generative.trainer:VAETrainer",
        summary="variational autoencoders of kernels and images",
    )
    registry.prior(
        "gan",
        "invkit_generative.decoder:GAN",
        summary="generator of a trained adversarial network: gan:celeba",
    )
    registry.weights("gan", "invkit_generative:weights/gan")
    registry.trainer(
        "gan",
        "invkit_generative.trainer:GANTrainer",
        summary="adversarial networks of images",
    )
