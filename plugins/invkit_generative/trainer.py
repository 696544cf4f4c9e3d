"""``invkit train vae --recipe blurA --out runs/blurA`` — VAEs by recipe.

    trainer = VAETrainer()
    path = trainer.train("mnist", trainer.recipes()["mnist"], Path("runs/mnist"), seed=0)
    invkit.prior(f"vae:{path}")                       # runs/mnist/vae-mnist.safetensors

What is exported are the averaged weights of encoder and decoder, with a card: recipe, seed, data fingerprint,
figures.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

import invkit
from invkit.contracts.dataset import Dataset
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError
from invkit.files import store
from invkit.files.solutions import writable_folder
from invkit_generative.architectures import VAENetwork, build
from invkit_generative.figures import reconstruction_figures
from invkit_generative.recipe import Recipe, load_recipes, structure
from invkit_generative.training import Loss, Schedule, TrainingRun
from invkit_generative.vae import VAE, to_network
from invkit_generative.watching import watching


class VAETrainer(Trainer):
    """Trains a VAE by a recipe of :mod:`invkit_generative.recipe`."""

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes: what the shipped weights were made by."""
        return load_recipes()

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
        checked = structure(recipe)
        network = _network(checked, seed)
        checked = attrs.evolve(checked, data=_data_spec(checked.data, network))
        data = _data(checked, network)
        description = {"recipe": attrs.asdict(checked), "data": data.fingerprint(), "seed": seed}
        run = TrainingRun(
            network,
            _loss(network, checked),
            data,
            _schedule(checked),
            writable_folder(out),
            seed=seed,
            limit=checked.limit,
            fingerprint=hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest(),
        )
        if resume:
            run.resume()
        elif run.checkpoint.exists():
            raise ConfigError(
                f"{run.checkpoint} is there already",
                hint="add --resume to go on from it, or choose another --out",
            )
        with watching(out, lambda batch: _pictures(network, checked, batch), progress=progress) as watch:
            weights = run.train(watch)
        network.load_state_dict(weights)
        figures = reconstruction_figures(VAE(network, checked.output), data)
        card = _card(name, checked, run, data, figures)
        path = out / f"vae-{name}.safetensors"
        store.write_prior(path, network.state_dict(), card)
        return path


def _card(
    name: str, recipe: Recipe, run: TrainingRun, data: Dataset, figures: Mapping[str, int | float]
) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": "vae",
        "name": name,
        "architecture": {
            "name": recipe.architecture,
            "options": dict(recipe.architecture_options),
            "output": recipe.output,
        },
        "recipe": {**attrs.asdict(recipe), "seed": run.seed, "steps": run.steps},
        "data": {"spec": recipe.data, "fingerprint": data.fingerprint()},
        "metrics": dict(figures),
        "licence": recipe.licence,
        "versions": {
            "invkit": invkit.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _network(recipe: Recipe, seed: int) -> VAENetwork:
    """The untrained network, its weights drawn from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(recipe.architecture, recipe.architecture_options)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _data_spec(data: str, network: VAENetwork) -> str:
    """A spec as it is; for a folder of images, that of its images in the network's size and channels."""
    if not Path(data).is_absolute():
        return data
    channels, _, size = network.signal_shape
    options = {"path": data, "size": str(size), "grey": "true" if channels == 1 else "false"}
    return str(invkit.Spec("images", options=options))


def _data(recipe: Recipe, network: VAENetwork) -> Dataset:
    data = invkit.dataset(recipe.data)
    if network.signal_shape != tuple(data.signal_shape):
        raise ConfigError(
            f"{recipe.architecture} makes signals of shape {network.signal_shape}, {recipe.data} has "
            f"{tuple(data.signal_shape)}",
            hint="set the data set's size, or architecture_options",
        )
    return data


def _schedule(recipe: Recipe) -> Schedule:
    return Schedule(recipe.epochs, recipe.batch, recipe.learning_rate, recipe.warmup, recipe.clip, recipe.ema)


def _loss(network: VAENetwork, recipe: Recipe) -> Loss:
    """The negative evidence lower bound of a batch, with one latent drawn per signal; logs its two parts."""

    def loss(signal: Tensor, rng: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        target = to_network(signal, recipe.output)
        mean, log_variance = network.encode(target)
        noise = torch.randn(mean.shape, generator=rng)
        reconstruction = network.decode(mean + noise * torch.exp(0.5 * log_variance))
        error = (reconstruction - target).square().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        if torch.isnan(
            error
        ):  # binary_cross_entropy refuses it without a word on the step; the loop names it
            fit = error
        elif recipe.likelihood == "bernoulli":
            fit = nn.functional.binary_cross_entropy(reconstruction, target, reduction="sum") / len(target)
        else:
            fit = error * target[0].numel() / (2 * recipe.variance)
        return fit + divergence, {"mse": error.detach(), "kl": divergence.detach()}

    return loss


def _pictures(network: VAENetwork, recipe: Recipe, batch: Tensor) -> Tensor:
    """Three rows for TensorBoard: signals, their reconstructions, samples of the prior."""
    target = to_network(batch, recipe.output)
    samples = torch.randn(len(batch), *network.latent_shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([target, network.decode(network.encode(target)[0]), network.decode(samples)])
