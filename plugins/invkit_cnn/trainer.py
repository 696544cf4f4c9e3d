"""``invkit train cnn --recipe celeba-shake --out runs/celeba-shake`` — deblurring networks by recipe.

    trainer = CNNTrainer()
    path = trainer.train("shake", trainer.recipes()["celeba-shake"], Path("runs/shake"), seed=0)
    invkit.solver(f"cnn?weights={path}")                       # runs/shake/cnn-shake.safetensors

What is exported are the averaged weights, with a card that says which network it is, of which pictures and
blurs, and what it does on validation pictures. A step's kernels and noise are a function of the seed and the
step's number, so an interrupted training goes on to the same weights.
"""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt, lt
from torch import Tensor, nn

import invkit
from invkit.contracts.dataset import Dataset, SampledDataset
from invkit.contracts.roles import check_kernels
from invkit.errors import ConfigError
from invkit.training import mixture
from invkit.training.networks import untrained
from invkit.training.processes import Draws, Processes
from invkit.training.recipes import Recipe
from invkit.training.run import Turn, adamw, momentum_sgd
from invkit.training.trainer import NetworkTrainer, Training
from invkit_cnn.architectures import ARCHITECTURES, Network
from invkit_cnn.blurring import Blurring, restoration_figures, restoration_loss, restored

__all__ = ["CNNRecipe", "CNNTrainer"]


@attrs.frozen(kw_only=True)
class CNNRecipe(Recipe):
    """A training run: the network learns to undo blurs and noise that are drawn anew for every batch,

        minimise over θ    mean ‖ N_θ(A(w, x) + σ n − ½) + ½ − x ‖²        x from the data, w from the blurs.

    Source: Hradiš and others, BMVC 2015: the loss, and momentum SGD for `l15`.
    """

    #: the spec of a law of kernels
    blur: str
    #: the spec of the operator A that blurs
    operator: str
    #: σ, the standard deviation of the noise, for images in [0, 1]
    noise: float = attrs.field(default=0.01, validator=ge(0))
    #: "adamw", or "sgd" with momentum
    optimiser: Literal["adamw", "sgd"] = "adamw"
    #: momentum of SGD; AdamW's β₁
    momentum: float = attrs.field(default=0.9, validator=[ge(0), lt(1)])
    #: side in pixels to which the pictures of a folder are brought; data sets have a size of their own
    size: int = attrs.field(default=64, validator=gt(0))


class CNNTrainer(NetworkTrainer[CNNRecipe]):
    """Trains a network by a `CNNRecipe`; `l15` is for whoever has the machine for it."""

    kind, recipe, shipped = "cnn", CNNRecipe, "invkit_cnn:recipes"

    def usage(self, kind: str, name: str) -> str:
        return str(invkit.Spec(kind, options={"weights": name}))

    def training(self, recipe: CNNRecipe, seed: int) -> Training:
        network = untrained(ARCHITECTURES, recipe, seed)
        spec = mixture.located(recipe.data, size=recipe.size, grey=network.channels == 1)
        recipe = attrs.evolve(recipe, data=spec)
        data, blurring = mixture.load(spec), _blurring(recipe)
        _check_fit(recipe, network, data, blurring)
        fingerprint = blurring.blurs.fingerprint()
        return Training(
            recipe=recipe,
            network=network,
            data=data,
            turns=[Turn("cnn", network, restoration_loss(network, blurring))],
            pictures=lambda x: _pictures(network, blurring, x),
            optimise={"adamw": adamw, "sgd": momentum_sgd}[recipe.optimiser],
            determines={"blur": fingerprint},
            figures=lambda: restoration_figures(network, data, blurring),
            card={"blur": {"spec": recipe.blur, "fingerprint": fingerprint, "noise": recipe.noise}},
        )


def _blurring(recipe: CNNRecipe) -> Blurring:
    blurs = invkit.dataset(recipe.blur)
    if not isinstance(blurs, SampledDataset):
        raise ConfigError(
            f"{recipe.blur} has a number of kernels, the training draws new ones for every batch",
            hint="choose a law of kernels: blurA, blurB, blur30, shake, motion",
        )
    operator = invkit.operator(recipe.operator)
    check_kernels(operator, blurs, recipe.blur)
    return Blurring(operator, blurs, recipe.noise)


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
    draws = Draws(torch.Generator().manual_seed(0), Processes(device=x.device))
    y = blurring(x, draws)
    return torch.cat([x, y, restored(network, y)])
