"""``invkit train vae --recipe blurA --out runs/blurA`` — VAEs and GANs by recipe.

    trainer = VAETrainer()
    path = trainer.train("mnist", trainer.recipes()["mnist"], Path("runs/mnist"), seed=0)
    invkit.prior(f"vae:{path}")                       # runs/mnist/vae-mnist.safetensors

What is exported are the averaged weights, with a card: recipe, seed, data fingerprint, figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import attrs
import torch
from torch import Tensor, nn

import invkit
from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator
from invkit.contracts.roles import require_kernels
from invkit.errors import ConfigError
from invkit.training import mixture
from invkit.training.networks import channels_last, seeded, untrained
from invkit.training.run import TrainingRun, Turn, signals_in
from invkit.training.trainer import NetworkTrainer, Training
from invkit_generative.architectures import ARCHITECTURES, FlowVAE, VAENetwork
from invkit_generative.architectures.components import ComponentEncoder
from invkit_generative.architectures.dcgan import downward
from invkit_generative.decoder import VAE, to_network
from invkit_generative.losses import (
    Autoencoder,
    discriminator_loss,
    evidence_bound,
    flow_loss,
    generator_loss,
)
from invkit_generative.recipe import GANRecipe, PriorRecipe, VAERecipe

__all__ = ["GANTrainer", "VAETrainer", "reconstruction_figures"]

MEASURED = 2000
"""Signals, at most, that the figures of a card are measured on."""

_R = TypeVar("_R", bound=PriorRecipe)


class VAETrainer(NetworkTrainer[VAERecipe]):
    """Trains a VAE by a `VAERecipe`; some recipes are for whoever has the data."""

    kind, recipe, shipped = "vae", VAERecipe, "invkit_generative:recipes/vae"

    def training(self, recipe: VAERecipe, seed: int) -> Training:
        recipe, network, data = _inputs(recipe, seed)
        if isinstance(network, FlowVAE):
            return _flow(recipe, network, data)
        loss = evidence_bound(network, recipe.likelihood, recipe.variance, recipe.output)
        return Training(
            recipe=recipe,
            network=network,
            data=data,
            turns=[Turn("vae", network, loss)],
            pictures=lambda batch: _pictures(network, to_network(batch, recipe.output), encoded=True),
            prepare=_prepare(network, recipe, recipe.variance) if recipe.likelihood == "gaussian" else None,
            figures=lambda: reconstruction_figures(VAE(network, recipe.output), data),
            architecture={"output": recipe.output},
        )


class GANTrainer(NetworkTrainer[GANRecipe]):
    """Trains a GAN by a `GANRecipe`, with an encoder at the generator's side where it has one."""

    kind, recipe, shipped = "gan", GANRecipe, "invkit_generative:recipes/gan"

    def training(self, recipe: GANRecipe, seed: int) -> Training:
        recipe, network, data = _inputs(recipe, seed)
        discriminator, vae = _players(recipe, network, seed)
        steps = recipe.steps(signals_in(data, recipe.limit))
        return Training(
            recipe=recipe,
            network=network,
            data=data,
            turns=_turns(recipe, network, discriminator, vae, steps),
            pictures=lambda batch: _pictures(network, batch, encoded=False),
            prepare=_prepare(vae, recipe, recipe.variance) if vae else None,
            architecture={"output": recipe.output},
        )


def _flow(recipe: VAERecipe, network: FlowVAE, data: Dataset) -> Training:
    """The training of a flow alone, before the decoder of a VAE that is trained already."""
    if not recipe.of:
        raise ConfigError(
            "a flow is trained for a VAE that is trained already", hint="name it: --set of=vae:shake"
        )
    given = invkit.prior(recipe.of)
    if not isinstance(given, VAE):
        raise ConfigError(f"{recipe.of} is no VAE", hint="set of=vae:NAME")
    vae = given.network.vae if isinstance(given.network, FlowVAE) else given.network
    try:
        network.vae.load_state_dict(vae.state_dict())
    except RuntimeError as error:  # torch's lists all tensors
        raise ConfigError(
            f"the weights of {recipe.of} are not those of the architecture in the recipe",
            hint="set architecture_options={vae=…, vae_options={…}} as in its card: `invkit describe`",
        ) from error
    return Training(
        recipe=recipe,
        network=network,
        data=data,
        turns=[Turn("flow", network.flow, flow_loss(network, recipe.output))],
        determines={"of": given.sha256},
        pictures=lambda batch: _pictures(network, to_network(batch, recipe.output), encoded=True),
        figures=lambda: reconstruction_figures(VAE(network, recipe.output), data),
        architecture={"output": recipe.output},
        card={"of": given.card.get("of", given.card)},
    )


def _inputs(recipe: _R, seed: int) -> tuple[_R, VAENetwork, Dataset]:
    """The untrained network and its data, and the recipe with the spec of these."""
    network = untrained(ARCHITECTURES, recipe, seed)
    channels, _, size = network.signal_shape
    recipe = attrs.evolve(recipe, data=mixture.located(recipe.data, size=size, grey=channels == 1))
    data = mixture.load(recipe.data)
    if network.signal_shape != tuple(data.signal_shape):
        raise ConfigError(
            f"{recipe.architecture} makes signals of shape {network.signal_shape}, {recipe.data} has "
            f"{tuple(data.signal_shape)}",
            hint="set the data set's size, or architecture_options",
        )
    if recipe.output == "unit-sum":
        require_kernels(data, recipe.data)
    return recipe, network, data


def reconstruction_figures(prior: Generator, data: Dataset) -> dict[str, int | float]:
    """Encode and decode the first test signals, or validation signals where the data has no test signals.

    Returns:
        ``test_signals`` or ``validation_signals``, their number; unless that is 0, the mean NCC, its 5 %
        quantile, and for images the mean PSNR in dB, which says little of kernels.
    """
    split = "test" if data.splits["test"] else "validation"
    signals = min(MEASURED, data.splits[split])
    if not signals:  # a small folder of images may have none
        return {"test_signals": 0}
    truth = data.take(torch.arange(signals), split)
    with torch.no_grad():
        made = torch.cat([prior(prior.encode(part)) for part in truth.split(250)])
    ncc = metrics.kernel_ncc(made, truth)
    figures: dict[str, int | float] = {
        f"{split}_signals": signals,
        "reconstruction_ncc": round(ncc.mean().item(), 5),
        "reconstruction_ncc_worst_5_percent": round(ncc.quantile(0.05).item(), 5),
    }
    if prior.role != "kernel":
        figures["reconstruction_psnr"] = round(metrics.psnr(made, truth).mean().item(), 3)
    return figures


def _prepare(network: VAENetwork, recipe: PriorRecipe, variance: float) -> Callable[[TrainingRun], None]:
    """Let a network start from the data."""

    def prepare(run: TrainingRun) -> None:
        def signals() -> Tensor:
            taken = run.data.take(torch.arange(run.signals), "train")
            return to_network(taken, recipe.output).to(run.processes.device)

        network.prepare(signals, variance)

    return prepare


def _players(recipe: GANRecipe, generator: VAENetwork, seed: int) -> tuple[nn.Module, Autoencoder | None]:
    """Who trains with the generator: a discriminator, and perhaps an encoder that makes a VAE of it."""
    (latent,), shape = generator.latent_shape, generator.signal_shape
    with seeded(seed + 1):
        discriminator = downward(shape, 1, recipe.discriminator_width, norm=recipe.discriminator_norm)
        encoder: nn.Module = (
            ComponentEncoder(shape, latent)
            if recipe.encoder == "components"
            else downward(shape, 2 * latent, recipe.encoder_width, norm="batch")
        )
    vae = Autoencoder(generator, channels_last(encoder)) if recipe.reconstruction else None
    return channels_last(discriminator), vae


def _turns(
    recipe: GANRecipe, generator: VAENetwork, discriminator: nn.Module, vae: Autoencoder | None, steps: int
) -> list[Turn]:
    start = int(recipe.autoencode_first * steps)
    bound = None
    if vae is not None:
        weight = recipe.reconstruction / math.prod(generator.signal_shape)
        bound = evidence_bound(vae, "gaussian", recipe.variance, "image", weight)
    elif start:
        raise ConfigError("autoencode_first needs an encoder", hint="set reconstruction=1, say")
    against = generator_loss(generator, discriminator, bound)
    moved = generator if vae is None else vae
    turns = [Turn("autoencoder", vae, bound, last=start)] if bound and vae and start else []
    turns += [Turn("generator", moved, against, first=start)] * recipe.generator_updates
    judged = discriminator_loss(generator, discriminator, recipe.r1)
    return [*turns, Turn("discriminator", discriminator, judged, first=start)]


def _pictures(network: VAENetwork, batch: Tensor, *, encoded: bool) -> Tensor:
    """Rows for TensorBoard: signals, their reconstructions if they can be encoded, samples of the prior."""
    latents = torch.randn(len(batch), *network.latent_shape, generator=torch.Generator().manual_seed(0))
    network.eval()  # a look at a network changes no statistics of its batch norms
    try:
        made = [network.decode(network.encode(batch)[0])] if encoded else []
        return torch.cat([batch, *made, network.decode(latents.to(batch.device))])
    finally:
        network.train()
