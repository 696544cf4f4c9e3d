"""``invkit train cnn --recipe celeba-shake --out runs/celeba-shake`` — deblurring networks by recipe.

    trainer = CNNTrainer()
    path = trainer.train("shake", trainer.recipes()["celeba-shake"], Path("runs/shake"), seed=0)
    invkit.solver(f"cnn?weights={path}")                       # runs/shake/cnn-shake.safetensors

What is exported are the averaged weights, with a card that says which network it is, of which pictures and
blurs, and what it does on validation pictures. A step's kernels and noise are a function of the seed and the
step's number, so an interrupted training goes on to the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

import invkit
from invkit.contracts.dataset import Dataset, SampledDataset
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError
from invkit.files import store
from invkit.files.solutions import writable_folder
from invkit.training import mixture
from invkit.training.exporting import as_stored, card
from invkit.training.processes import Draws, joined
from invkit.training.recipes import digest
from invkit.training.run import TrainingRun, Turn, adamw, momentum_sgd
from invkit.training.watching import watching
from invkit_cnn.architectures import Network, build
from invkit_cnn.blurring import Blurring, restoration_loss, restored
from invkit_cnn.figures import restoration_figures
from invkit_cnn.recipe import CNNRecipe, load_recipes, structure

__all__ = ["CNNTrainer"]

_OPTIMISERS = {"adamw": adamw, "sgd": momentum_sgd}


class CNNTrainer(Trainer):
    """Trains a network by a `CNNRecipe`."""

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes: those of the shipped weights, and `l15` for whoever has the machine for it."""
        return load_recipes("invkit_cnn", "recipes")

    def usage(self, kind: str, name: str) -> str:
        """Return the spec of the solver with these weights."""
        return str(invkit.Spec(kind, options={"weights": name}))

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
        checked = structure(recipe, CNNRecipe)
        network = _network(checked, seed)
        checked = attrs.evolve(checked, data=_data_spec(checked, network))
        data, blurring = mixture.load(checked.data), _blurring(checked)
        _check_fit(checked, network, data, blurring)
        description = {
            "recipe": attrs.asdict(checked),
            "data": data.fingerprint(),
            "blur": blurring.blurs.fingerprint(),
            "seed": seed,
        }
        with joined() as processes:
            network.to(processes.device)
            run = TrainingRun(
                [Turn("cnn", network, restoration_loss(network, blurring))],
                network,
                data,
                attrs.evolve(checked.schedule(), momentum=checked.momentum),
                writable_folder(out),
                seed=seed,
                limit=checked.limit,
                fingerprint=digest(description),
                processes=processes,
                optimise=_OPTIMISERS[checked.optimiser],
            )
            run.begin(resume=resume)

            def pictures(x: Tensor) -> Tensor:
                return _pictures(network, blurring, x)

            with watching(out, pictures, progress=progress, processes=processes) as watch:
                weights = run.train(watch)
            path = out / f"cnn-{name}.safetensors"
            if processes.first:
                _export(name, checked, network, blurring, run, weights, path)
            processes.wait()
        return path


def _export(
    name: str,
    recipe: CNNRecipe,
    network: Network,
    blurring: Blurring,
    run: TrainingRun,
    weights: Mapping[str, Tensor],
    path: Path,
) -> None:
    """Write what is measured: the weights as they are stored, 16 bits included."""
    stored = as_stored(weights, half=recipe.half)
    network.load_state_dict({key: tensor.to(weights[key].dtype) for key, tensor in stored.items()})
    network.to("cpu")
    figures = restoration_figures(network, run.data, blurring)
    architecture = {"name": recipe.architecture, "options": dict(recipe.architecture_options)}
    described = card("cnn", name, architecture, recipe, run, figures)
    blurs = {"spec": recipe.blur, "fingerprint": blurring.blurs.fingerprint(), "noise": recipe.noise}
    store.write_prior(path, stored, {**described, "blur": blurs})


def _network(recipe: CNNRecipe, seed: int) -> Network:
    """The untrained network, its weights drawn from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(recipe.architecture, recipe.architecture_options)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _data_spec(recipe: CNNRecipe, network: Network) -> str:
    """A spec as it is; for a folder of images, that of its images in the recipe's size."""
    if not Path(recipe.data).is_absolute():
        return recipe.data
    grey = "true" if network.channels == 1 else "false"
    return str(invkit.Spec("images", options={"path": recipe.data, "size": str(recipe.size), "grey": grey}))


def _blurring(recipe: CNNRecipe) -> Blurring:
    blurs = invkit.dataset(recipe.blur)
    if not isinstance(blurs, SampledDataset):
        raise ConfigError(
            f"{recipe.blur} has a number of kernels, the training draws new ones for every batch",
            hint="choose a law of kernels: blurA, blurB, blur30, shake, motion",
        )
    return Blurring(invkit.operator(recipe.operator), blurs, recipe.noise)


def _check_fit(recipe: CNNRecipe, network: Network, data: Dataset, blurring: Blurring) -> None:
    """Refuse what would fail in the first step, or train for something else than it says."""
    shape, blur = tuple(data.signal_shape), tuple(blurring.blurs.signal_shape)
    if len(shape) != 3 or shape[0] != network.channels:
        raise ConfigError(
            f"the network takes pictures of {network.channels} channels, {recipe.data} has {shape}",
            hint=f'set architecture_options="{{channels={shape[0]}}}", or choose other data',
        )
    if any(side % network.multiple or side < network.smallest for side in shape[1:]):
        raise ConfigError(
            f"the network takes sides of at least {network.smallest} pixels that are multiples of "
            f"{network.multiple}, {recipe.data} has {shape}",
            hint="choose the data set's size, or another patch in architecture_options",
        )
    if blurring.operator.output_shape(blur, shape) != shape:
        raise ConfigError(
            f"{recipe.operator} makes pictures of another size than {shape}",
            hint="choose operator=circconv",
        )


def _pictures(network: nn.Module, blurring: Blurring, x: Tensor) -> Tensor:
    """Three rows for TensorBoard: sharp, blurry, restored."""
    draws = Draws(torch.Generator().manual_seed(0), device=x.device)
    y = blurring(x, draws)
    return torch.cat([x, y, restored(network, y)])
