"""``invkit train denoiser --recipe photographs --out runs/photographs`` — denoisers by recipe.

    trainer = DenoiserTrainer()
    path = trainer.train("mine", trainer.recipes()["photographs"], Path("runs/mine"), seed=0)
    invkit.prior(f"denoiser:{path}")                       # runs/mine/denoiser-mine.safetensors

The network sees pictures with noise of levels drawn anew for every one of a batch,

    minimise over θ    mean | N_θ(x + σ n, σ) − x |        σ uniform in [0, `noisiest`].

A network that takes grey pictures, too, sees a third of each batch as luma. With ``diffusion`` the loss is
the one whose minimum is the posterior mean, at all scales of noise,

    minimise over θ    mean (1/σ² + 1/s²) (N_θ(x + σ n, σ) − x)²    log σ uniform, σ from 1/500 to `noisiest`,

with s = ¼ for the deviation of pictures (Karras, Aittala, Aila, Laine, arXiv 2206.00364, Table 1).

A step's noise is a function of the seed and the step's number, so an interrupted training goes on to the same
weights. The card says what the network does to validation pictures at several levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import attrs
import torch
from attrs.validators import gt
from jaxtyping import Float
from torch import Tensor

from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit.errors import ConfigError
from invkit.training import mixture
from invkit.training.networks import untrained
from invkit.training.processes import Draws, Processes
from invkit.training.recipes import Recipe
from invkit.training.run import Loss, Turn
from invkit.training.trainer import NetworkTrainer, Training
from invkit_denoiser.network import ARCHITECTURES, Plain

__all__ = ["LEVELS", "DenoiserRecipe", "DenoiserTrainer", "luma"]

LEVELS = (5, 15, 25, 50)
"""The levels that a network is measured at, times 255."""
_SHOWN = 25 / 255
_QUIETEST = 1 / 500
"""The least σ of a network for diffusion: half a step of 8 bits."""
_DEVIATION = 0.25
"""The standard deviation of pictures' values, which the weights of the loss for diffusion know."""
_LUMA = (0.299, 0.587, 0.114)


@attrs.frozen(kw_only=True)
class DenoiserRecipe(Recipe):
    """A training run of a denoiser; see the module."""

    #: the largest σ, for pictures in [0, 1]
    noisiest: float = attrs.field(default=50 / 255, validator=gt(0))
    #: side in pixels to which the pictures of a folder are brought; data sets have a size of their own
    size: int = attrs.field(default=64, validator=gt(0))
    #: turn every batch by a random number of quarter turns
    turn: bool = False
    #: train for posterior means at noise of all scales, which diffusion needs
    diffusion: bool = False


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
            turns=[Turn("denoiser", network, _loss(network, recipe))],
            pictures=lambda x: _pictures(network, x),
            figures=lambda: _figures(network, data),
            card={"noisiest": recipe.noisiest},
        )


def _loss(network: Plain, recipe: DenoiserRecipe) -> Loss:
    def loss(x: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        if recipe.turn:
            x = torch.rot90(x, int(4 * draws.uniform(1)), (2, 3))
        third = len(x) // 3 if network.grey else 0
        errors = [_error(network, part, recipe, draws) for part in (luma(x[:third]), x[third:]) if len(part)]
        squared = torch.cat([each.detach().square().flatten() for each, _ in errors]).mean()
        if recipe.diffusion:
            costs = [(weight[:, None, None, None] * each.square()).flatten() for each, weight in errors]
        else:
            costs = [each.abs().flatten(1).mean(1) for each, _ in errors]
        return torch.cat(costs).mean(), {"psnr": -10 * torch.log10(squared)}

    return loss


def _error(
    network: Plain, x: Tensor, recipe: DenoiserRecipe, draws: Draws
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n"]]:
    """The network's error at random levels of noise, and each picture's weight in a squared loss."""
    drawn = draws.uniform(len(x))
    if recipe.diffusion:
        sigma = _QUIETEST * (recipe.noisiest / _QUIETEST) ** drawn
    else:
        sigma = recipe.noisiest * drawn
    made = network(x - 0.5 + sigma[:, None, None, None] * draws.normal(*x.shape), sigma)
    return made + 0.5 - x, 1 / sigma.clamp(min=_QUIETEST).square() + 1 / _DEVIATION**2


def luma(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
    """The brightness of colour pictures (ITU-R BT.601); grey ones stay."""
    if x.shape[1] == 1:
        return x
    return (x.new_tensor(_LUMA)[:, None, None] * x).sum(1, keepdim=True)


def _figures(network: Plain, data: Dataset) -> dict[str, int | float]:
    """Mean PSNR in dB of the first validation pictures, clipped to [0, 1], at each of :data:`LEVELS`.

    A network that takes grey pictures, too, has ``grey_psnr_…`` of their luma.
    """
    count = min(500, data.splits["validation"])
    if not count:  # a small folder of images may have none
        return {"validation_pictures": 0}
    truth = data.take(torch.arange(count), "validation")
    figures: dict[str, int | float] = {"validation_pictures": count}
    kinds = {"": truth, "grey_": luma(truth)} if network.grey else {"": truth}
    for (kind, pictures), level in product(kinds.items(), LEVELS):
        noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(level))
        noisy, sigma = pictures - 0.5 + level / 255 * noise, torch.full((count,), level / 255)
        with torch.no_grad():
            parts = zip(noisy.split(50), sigma.split(50), strict=True)
            made = torch.cat([network(*part) for part in parts]) + 0.5
        figures[f"{kind}psnr_{level}"] = round(metrics.psnr(made.clamp(0, 1), pictures).mean().item(), 3)
    return figures


def _pictures(network: Plain, x: Tensor) -> Tensor:
    """Three rows for TensorBoard: clean, noisy, denoised."""
    noise = Draws(torch.Generator().manual_seed(0), Processes(device=x.device)).normal(*x.shape)
    noisy = x + _SHOWN * noise
    return torch.cat([x, noisy, network(noisy - 0.5, torch.full((len(x),), _SHOWN).to(x)) + 0.5])
