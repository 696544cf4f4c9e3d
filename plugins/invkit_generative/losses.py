"""The losses of training: the evidence lower bound of a VAE, and both sides of a GAN.

loss, parts = evidence_bound(network, "gaussian", 0.01, "image")(signals, draws)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from invkit.training.processes import Draws
from invkit.training.run import Loss
from invkit_generative.architectures import FlowVAE, VAENetwork
from invkit_generative.architectures.components import ComponentEncoder
from invkit_generative.architectures.network import Signals
from invkit_generative.decoder import Output, to_network

__all__ = ["Autoencoder", "discriminator_loss", "evidence_bound", "flow_loss", "generator_loss"]


class Autoencoder(VAENetwork):
    """A generator with an encoder beside it, as one VAE."""

    def __init__(self, generator: VAENetwork, encoder: nn.Module) -> None:
        super().__init__()
        self.generator, self.encoder = generator, encoder
        self.latent_shape, self.signal_shape = generator.latent_shape, generator.signal_shape

    def prepare(self, signals: Signals, variance: float) -> None:
        """Let the encoder start from the data, where it can."""
        if isinstance(self.encoder, ComponentEncoder):
            self.encoder.prepare(signals, variance)

    def decode(self, latent: Tensor) -> Tensor:
        return self.generator.decode(latent)


def evidence_bound(
    network: VAENetwork, likelihood: str, variance: float, output: Output, weight: float = 1.0
) -> Loss:
    """``weight`` times the negative evidence lower bound of a batch, with one latent drawn per signal; logs
    the mean squared error and the divergence.
    """

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        target = to_network(signal, output)
        mean, log_variance = network.encode(target)
        reconstruction = network.decode(mean + draws.normal(*mean.shape) * torch.exp(0.5 * log_variance))
        error = (reconstruction - target).square().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        if torch.isnan(error):  # the loop names the step; binary_cross_entropy would not
            fit = error
        elif likelihood == "bernoulli":
            fit = functional.binary_cross_entropy(reconstruction, target, reduction="sum") / len(target)
        else:
            fit = error * target[0].numel() / (2 * variance)
        return weight * (fit + divergence), {"mse": error.detach(), "kl": divergence.detach()}

    return loss


def flow_loss(network: FlowVAE, output: Output) -> Loss:
    """``½‖u‖² − log |det ∂u/∂h|`` of latents h drawn from the encoder; the VAE is constant."""

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        with torch.no_grad():
            mean, log_variance = network.vae.encode(to_network(signal, output))
            latent = mean + draws.normal(*mean.shape) * torch.exp(0.5 * log_variance)
        u, volume = network.flow.inverse(latent)
        return (0.5 * u.square().sum(1) - volume).mean(), {}

    return loss


def discriminator_loss(generator: VAENetwork, discriminator: nn.Module, r1: float) -> Loss:
    """``softplus(−D(x)) + softplus(D(G(z))) + r1/2·‖∇D(x)‖²``; logs how often D is right on either."""

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        with torch.no_grad():
            made = generator.decode(draws.normal(len(signal), *generator.latent_shape))
        real_signal = signal.detach().requires_grad_(r1 > 0)
        real, fake = discriminator(real_signal), discriminator(made)
        result = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        if r1 > 0:
            (slope,) = torch.autograd.grad(real.sum(), real_signal, create_graph=True)
            result = result + r1 / 2 * slope.square().flatten(1).sum(1).mean()
        right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
        return result, {"discriminator_right": right.detach()}

    return loss


def generator_loss(generator: VAENetwork, discriminator: nn.Module, bound: Loss | None) -> Loss:
    """``softplus(−D(G(z)))``, and the evidence bound where there is an encoder."""

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        fake = discriminator(generator.decode(draws.normal(len(signal), *generator.latent_shape)))
        adversarial = functional.softplus(-fake).mean()
        if bound is None:
            return adversarial, {"adversarial": adversarial.detach()}
        value, parts = bound(signal, draws)
        return adversarial + value, {"adversarial": adversarial.detach(), **parts}

    return loss
