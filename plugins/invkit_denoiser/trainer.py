"""``invkit train denoiser --recipe photographs --out runs/photographs`` — denoisers by recipe.

    trainer = DenoiserTrainer()
    path = trainer.train("mine", trainer.recipes()["photographs"], Path("runs/mine"), seed=0)
    invkit.prior(f"denoiser:{path}")                       # runs/mine/denoiser-mine.safetensors

The network sees pictures with noise of levels drawn anew for every one of a batch,

    minimise over θ    mean | N_θ(x + σ n, σ) − x |        σ uniform in [0, `noisiest`].

A step's noise is a function of the seed and the step's number, so an interrupted training goes on to the same
weights. The card says what the network does to validation pictures at several levels.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from attrs.validators import gt
from torch import Tensor, nn

from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit.errors import ConfigError
from invkit.training import mixture
from invkit.training.networks import untrained
from invkit.training.processes import Draws, Processes
from invkit.training.recipes import Recipe
from invkit.training.run import Loss, Turn
from invkit.training.trainer import NetworkTrainer, Training
from invkit_denoiser.network import ARCHITECTURES

__all__ = ["DenoiserRecipe", "DenoiserTrainer"]

LEVELS = (5, 15, 25, 50)
"""The levels that a network is measured at, times 255."""
_SHOWN = 25 / 255


@attrs.frozen(kw_only=True)
class DenoiserRecipe(Recipe):
    """A training run of a denoiser; see the module."""

    #: the largest σ, for pictures in [0, 1]
    noisiest: float = attrs.field(default=50 / 255, validator=gt(0))
    #: side in pixels to which the pictures of a folder are brought; data sets have a size of their own
    size: int = attrs.field(default=64, validator=gt(0))


class DenoiserTrainer(NetworkTrainer[DenoiserRecipe]):
    """Trains a network by a `DenoiserRecipe`."""

    kind, recipe, shipped = "denoiser", DenoiserRecipe, "invkit_denoiser:recipes"

    def training(self, recipe: DenoiserRecipe, seed: int) -> Training:
        network = untrained(ARCHITECTURES, recipe, seed)
        spec = mixture.located(recipe.data, size=recipe.size, grey=network.channels == 1)
        recipe = attrs.evolve(recipe, data=spec)
        data = mixture.load(spec)
        if len(data.signal_shape) != 3 or data.signal_shape[0] != network.channels:
            raise ConfigError(
                f"the network takes pictures of {network.channels} channels, {recipe.data} has "
                f"{tuple(data.signal_shape)}",
                hint=f'set architecture_options="{{channels={data.signal_shape[0]}}}", or choose other data',
            )
        return Training(
            recipe=recipe,
            network=network,
            data=data,
            turns=[Turn("denoiser", network, _loss(network, recipe.noisiest))],
            pictures=lambda x: _pictures(network, x),
            figures=lambda: _figures(network, data),
            card={"noisiest": recipe.noisiest},
        )


def _loss(network: nn.Module, noisiest: float) -> Loss:
    def loss(x: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        sigma = noisiest * draws.uniform(len(x))
        error = network(x - 0.5 + sigma[:, None, None, None] * draws.normal(*x.shape), sigma) + 0.5 - x
        return error.abs().mean(), {"psnr": -10 * torch.log10(error.detach().square().mean())}

    return loss


def _figures(network: nn.Module, data: Dataset) -> dict[str, int | float]:
    """Mean PSNR in dB of the first validation pictures, clipped to [0, 1], at each of :data:`LEVELS`."""
    count = min(500, data.splits["validation"])
    if not count:  # a small folder of images may have none
        return {"validation_pictures": 0}
    truth = data.take(torch.arange(count), "validation")
    figures: dict[str, int | float] = {"validation_pictures": count}
    for level in LEVELS:
        noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(level))
        noisy, sigma = truth - 0.5 + level / 255 * noise, torch.full((count,), level / 255)
        with torch.no_grad():
            parts = zip(noisy.split(50), sigma.split(50), strict=True)
            made = torch.cat([network(*part) for part in parts]) + 0.5
        figures[f"psnr_{level}"] = round(metrics.psnr(made.clamp(0, 1), truth).mean().item(), 3)
    return figures


def _pictures(network: nn.Module, x: Tensor) -> Tensor:
    """Three rows for TensorBoard: clean, noisy, denoised."""
    noise = Draws(torch.Generator().manual_seed(0), Processes(device=x.device)).normal(*x.shape)
    noisy = x + _SHOWN * noise
    return torch.cat([x, noisy, network(noisy - 0.5, torch.full((len(x),), _SHOWN).to(x)) + 0.5])
