"""``invkit train vae --recipe blurA --out runs/blurA`` — VAEs by recipe.

    trainer = VAETrainer()
    path = trainer.train("mnist", trainer.recipes()["mnist"], Path("runs/mnist"), seed=0)     # runs/mnist/vae-mnist.safetensors
    invkit.prior(f"vae:{path}")

What is exported are the averaged weights of encoder and decoder, with a card: recipe, seed, data fingerprint, figures.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import invkit
import torch
from invkit.contracts.dataset import Dataset
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError, OutputError
from invkit.files import store
from torch import Tensor

from invkit_generative.architectures import VAENetwork, build
from invkit_generative.figures import reconstruction_figures
from invkit_generative.recipe import Recipe, load_recipes, structure
from invkit_generative.training import Schedule, TrainingRun
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
        data = invkit.dataset(checked.data)
        network = _network(checked, data, seed)
        description = {"recipe": attrs.asdict(checked), "data": data.fingerprint(), "seed": seed}
        run = TrainingRun(
            network, _loss(network, checked), data, _schedule(checked), _folder(out),
            seed=seed, limit=checked.limit, fingerprint=hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest(),
        )
        if resume:
            run.resume()
        elif run.checkpoint.exists():
            raise ConfigError(f"{run.checkpoint} is there already", hint="add --resume to go on from it, or choose another --out")
        with watching(out, lambda batch: _pictures(network, checked, batch), progress=progress) as watch:
            weights = run.train(watch)
        network.load_state_dict(weights)
        prior = VAE(network, checked.output)  # type: ignore[arg-type]
        card = {
            "format": 1,
            "kind": "vae",
            "name": name,
            "architecture": {
                "name": checked.architecture, "options": dict(checked.architecture_options), "output": checked.output,
            },
            "recipe": {**attrs.asdict(checked), "seed": seed, "steps": run.steps},
            "data": {"spec": checked.data, "fingerprint": data.fingerprint()},
            "metrics": reconstruction_figures(prior, data),
            "licence": checked.licence,
            "versions": {"invkit": invkit.__version__, "torch": torch.__version__, "python": platform.python_version()},
        }
        path = out / f"vae-{name}.safetensors"
        store.write_prior(path, {key: tensor.contiguous() for key, tensor in network.state_dict().items()}, card)
        return path


def _network(recipe: Recipe, data: Dataset, seed: int) -> VAENetwork:
    """The untrained network, its weights drawn from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(recipe.architecture, recipe.architecture_options)
    if network.signal_shape != tuple(data.signal_shape):
        raise ConfigError(
            f"{recipe.architecture} makes signals of shape {network.signal_shape}, {recipe.data} has {tuple(data.signal_shape)}",
            hint="set the data set's size, or architecture_options",
        )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _schedule(recipe: Recipe) -> Schedule:
    return Schedule(recipe.epochs, recipe.batch, recipe.learning_rate, recipe.warmup, recipe.clip, recipe.ema)


def _loss(network: VAENetwork, recipe: Recipe) -> Any:
    def loss(signal: Tensor, rng: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        target = to_network(signal, recipe.output)  # type: ignore[arg-type]
        mean, log_variance = network.encode(target)
        noise = torch.randn(mean.shape, generator=rng)
        reconstruction = network.decode(mean + noise * torch.exp(0.5 * log_variance))
        error = (reconstruction - target).square().mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        # the floor keeps the logarithm finite on data that is reproduced exactly; 1e-6 is an error of 60 dB
        total = 0.5 * target[0].numel() * torch.log(error + 1e-6) + divergence
        return total, {"mse": error.detach(), "kl": divergence.detach()}

    return loss


def _pictures(network: VAENetwork, recipe: Recipe, batch: Tensor) -> Tensor:
    """Three rows for TensorBoard: signals, their reconstructions, samples of the prior."""
    target = to_network(batch, recipe.output)  # type: ignore[arg-type]
    samples = torch.randn(len(batch), *network.latent_shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([target, network.decode(network.encode(target)[0]), network.decode(samples)])


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}", hint="choose another --out") from error
    return out
