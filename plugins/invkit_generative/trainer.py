"""``invkit train vae --recipe blurA --out runs/blurA`` — VAEs and GANs by recipe.

    trainer = VAETrainer()
    path = trainer.train("mnist", trainer.recipes()["mnist"], Path("runs/mnist"), seed=0)
    invkit.prior(f"vae:{path}")                       # runs/mnist/vae-mnist.safetensors

What is exported are the averaged weights, with a card: recipe, seed, data fingerprint, figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

import invkit
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError
from invkit.files import store
from invkit.files.solutions import writable_folder
from invkit.training import mixture
from invkit.training.exporting import as_stored, card
from invkit.training.processes import joined
from invkit.training.recipes import digest
from invkit.training.run import Schedule, TrainingRun, Turn
from invkit.training.watching import Pictures, watching
from invkit_generative.architectures import VAENetwork, build
from invkit_generative.architectures.components import ComponentEncoder
from invkit_generative.architectures.dcgan import downward
from invkit_generative.figures import reconstruction_figures
from invkit_generative.gan import GAN
from invkit_generative.losses import Autoencoder, discriminator_loss, evidence_bound, generator_loss
from invkit_generative.recipe import USE, GANRecipe, PriorRecipe, VAERecipe, shipped, structure
from invkit_generative.vae import VAE, to_network

__all__ = ["GANTrainer", "VAETrainer"]


class VAETrainer(Trainer):
    """Trains a VAE by a `VAERecipe`."""

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes: what the shipped weights were made by, and some for whoever has the data."""
        return shipped("vae")

    def train(
        self,
        name: str,
        recipe: Mapping[str, Any],
        out: Path,
        *,
        seed: int = 0,
        resume: bool = False,
        progress: bool = True,
    ) -> Path:
        """Train and export; see :meth:`invkit.contracts.trainer.Trainer.train`."""
        checked = structure(recipe, VAERecipe)
        network = _network(checked, seed)
        loss = evidence_bound(network, checked.likelihood, checked.variance, checked.output)
        job = _Job(
            kind="vae",
            name=name,
            recipe=checked,
            network=network,
            schedule=checked.schedule(),
            turns=lambda steps: [Turn("vae", network, loss)],
            pictures=lambda batch: _reconstructions(network, checked, batch),
            prior=lambda: VAE(network, checked.output),
            prepared=network if checked.likelihood == "gaussian" else None,
            variance=checked.variance,
        )
        return _train(job, out, seed=seed, resume=resume, progress=progress)


class GANTrainer(Trainer):
    """Trains a GAN by a `GANRecipe`, with an encoder at the generator's side where it has one."""

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes."""
        return shipped("gan")

    def train(
        self,
        name: str,
        recipe: Mapping[str, Any],
        out: Path,
        *,
        seed: int = 0,
        resume: bool = False,
        progress: bool = True,
    ) -> Path:
        """Train and export; see :meth:`invkit.contracts.trainer.Trainer.train`."""
        checked = structure(recipe, GANRecipe)
        network = _network(checked, seed)
        players = _players(checked, network, seed)
        job = _Job(
            kind="gan",
            name=name,
            recipe=checked,
            network=network,
            schedule=attrs.evolve(checked.schedule(), momentum=checked.momentum),
            turns=lambda steps: _turns(checked, network, players, steps),
            pictures=lambda batch: _samples(network, batch),
            prior=lambda: GAN(network),
            prepared=players.vae,
            variance=checked.variance,
        )
        return _train(job, out, seed=seed, resume=resume, progress=progress)


@attrs.frozen(kw_only=True, eq=False)
class _Job:
    """What differs between a VAE and a GAN.

    Args:
        turns: of the number of steps in all.
        prepared: what starts from the data; None where nothing does.
        variance: that it is prepared for.
    """

    kind: str
    name: str
    recipe: PriorRecipe
    network: VAENetwork
    schedule: Schedule
    turns: Callable[[int], Sequence[Turn]]
    pictures: Pictures
    prior: Callable[[], Generator]
    prepared: VAENetwork | None
    variance: float


def _train(job: _Job, out: Path, *, seed: int, resume: bool, progress: bool) -> Path:
    recipe = attrs.evolve(job.recipe, data=_data_spec(job.recipe.data, job.network))
    data = _data(recipe, job.network)
    determines = {key: value for key, value in attrs.asdict(recipe).items() if key not in USE}
    description = {"recipe": determines, "data": data.fingerprint(), "seed": seed}
    signals = min(recipe.limit or data.splits["train"], data.splits["train"])
    with joined() as processes:
        for module in {id(turn.network): turn.network for turn in job.turns(1)}.values():
            module.to(processes.device)
        run = TrainingRun(
            job.turns(job.schedule.steps(signals)),
            job.network,
            data,
            job.schedule,
            writable_folder(out),
            seed=seed,
            limit=recipe.limit,
            fingerprint=digest(description),
            processes=processes,
        )
        if not run.begin(resume=resume):
            _prepare(job, run)
        with watching(out, job.pictures, progress=progress, processes=processes) as watch:
            weights = run.train(watch)
        path = out / f"{job.kind}-{job.name}.safetensors"
        if processes.first:
            _export(job, recipe, run, weights, path)
        processes.wait()
    return path


def _prepare(job: _Job, run: TrainingRun) -> None:
    """Let the network start from the data, and the average with it."""
    if job.prepared is None:
        return
    everything = torch.arange(run.signals)

    def signals() -> Tensor:
        return to_network(run.data.take(everything, "train"), job.recipe.output).to(run.processes.device)

    job.prepared.prepare(signals, job.variance)
    for name, tensor in job.network.state_dict().items():
        run.average[name].copy_(tensor)


def _export(
    job: _Job, recipe: PriorRecipe, run: TrainingRun, weights: Mapping[str, Tensor], path: Path
) -> None:
    """Write what is measured: the weights as they are stored, 16 bits included."""
    stored = as_stored(weights, half=recipe.half)
    job.network.load_state_dict({name: tensor.to(weights[name].dtype) for name, tensor in stored.items()})
    job.network.to("cpu")
    prior = job.prior()
    figures = reconstruction_figures(prior, run.data) if prior.can_encode else {}
    architecture = {
        "name": recipe.architecture,
        "options": dict(recipe.architecture_options),
        "output": recipe.output,
    }
    store.write_prior(path, stored, card(job.kind, job.name, architecture, recipe, run, figures))


def _network(recipe: PriorRecipe, seed: int) -> VAENetwork:
    """The untrained network, its weights drawn from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(recipe.architecture, recipe.architecture_options)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@attrs.frozen(eq=False)
class _Players:
    """Who trains with the generator: a discriminator, and perhaps an encoder that makes a VAE of it."""

    discriminator: nn.Module
    vae: Autoencoder | None


def _players(recipe: GANRecipe, generator: VAENetwork, seed: int) -> _Players:
    (latent,), shape = generator.latent_shape, generator.signal_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        discriminator = downward(shape, 1, recipe.discriminator_width, norm=recipe.discriminator_norm)
        encoder: nn.Module = (
            ComponentEncoder(shape, latent)
            if recipe.encoder == "components"
            else downward(shape, 2 * latent, recipe.encoder_width, norm="batch")
        )
    layout = {"memory_format": torch.channels_last}
    discriminator.to(**layout)  # type: ignore[call-overload]
    encoder.to(**layout)  # type: ignore[call-overload]
    return _Players(discriminator, Autoencoder(generator, encoder) if recipe.reconstruction else None)


def _turns(recipe: GANRecipe, generator: VAENetwork, players: _Players, steps: int) -> list[Turn]:
    discriminator, vae = players.discriminator, players.vae
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


def _data_spec(data: str, network: VAENetwork) -> str:
    """A spec as it is; for a folder of images, that of its images in the network's size and channels."""
    if not Path(data).is_absolute():
        return data
    channels, _, size = network.signal_shape
    options = {"path": data, "size": str(size), "grey": "true" if channels == 1 else "false"}
    return str(invkit.Spec("images", options=options))


def _data(recipe: PriorRecipe, network: VAENetwork) -> Dataset:
    data = mixture.load(recipe.data)
    if network.signal_shape != tuple(data.signal_shape):
        raise ConfigError(
            f"{recipe.architecture} makes signals of shape {network.signal_shape}, {recipe.data} has "
            f"{tuple(data.signal_shape)}",
            hint="set the data set's size, or architecture_options",
        )
    return data


def _fixed_latents(network: VAENetwork, count: int) -> Tensor:
    latents = torch.randn(count, *network.latent_shape, generator=torch.Generator().manual_seed(0))
    return latents.to(next(network.parameters()).device)


def _samples(network: VAENetwork, batch: Tensor) -> Tensor:
    """Two rows for TensorBoard: signals, samples of the prior."""
    with _evaluating(network):
        return torch.cat([batch, network.decode(_fixed_latents(network, len(batch)))])


def _reconstructions(network: VAENetwork, recipe: PriorRecipe, batch: Tensor) -> Tensor:
    """Three rows for TensorBoard: signals, their reconstructions, samples of the prior."""
    target = to_network(batch, recipe.output)
    with _evaluating(network):
        samples = network.decode(_fixed_latents(network, len(batch)))
        return torch.cat([target, network.decode(network.encode(target)[0]), samples])


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, so that looking at a network changes no statistics of its batch norms."""
    network.eval()
    try:
        yield
    finally:
        network.train()
