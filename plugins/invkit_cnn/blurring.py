"""What the networks learn from, and their figures: pictures blurred by kernels never seen before.

    blurring = Blurring(invkit.operator("circconv"), invkit.dataset("shake"), noise=0.01)
    y = blurring(x, draws)                               # for a batch of training, new kernels and noise
    y = blurring.fixed(x, "validation", seed=0)          # for measuring: kernel i of a split for picture i

`restored(network, y)` is the network's picture: its inputs and outputs are in [−½, ½], pictures in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from jaxtyping import Float
from torch import Tensor, nn

from invkit import metrics
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.dataset import Dataset, SampledDataset
from invkit.training.processes import Draws
from invkit.training.run import Loss

__all__ = ["Blurring", "restoration_figures", "restoration_loss", "restored"]


@attrs.frozen(eq=False)
class Blurring:
    """``y = A(w, x) + σ n`` with w from a law of kernels and standard normal n.

    Args:
        operator: A.
        blurs: the law of w.
        noise: σ.
    """

    operator: BilinearOperator
    blurs: SampledDataset
    noise: float

    def __call__(self, x: Float[Tensor, "n c h w"], draws: Draws) -> Float[Tensor, "n c h w"]:
        """Blur a batch of training, or this process's share of it, by what `draws` gives."""
        y: Tensor = self.operator(draws.signals(self.blurs, len(x)), x)
        return y + self.noise * draws.normal(*y.shape)

    def fixed(self, x: Float[Tensor, "n c h w"], split: str, seed: int) -> Float[Tensor, "n c h w"]:
        """Blur picture i by kernel i of a split, the same on every call."""
        y: Tensor = self.operator(self.blurs.take(torch.arange(len(x)), split), x)
        rng = torch.Generator().manual_seed(seed)
        return y + self.noise * torch.randn(y.shape, generator=rng)


def restored(network: nn.Module, y: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Return what the network makes of blurry pictures in [0, 1]; nothing is clipped."""
    # Convolutions of few channels are faster on a CPU with the channels last.
    picture: Tensor = network((y - 0.5).contiguous(memory_format=torch.channels_last))
    return picture + 0.5


def restoration_loss(network: nn.Module, blurring: Blurring) -> Loss:
    """Return the mean squared error of restored pictures; its log has the PSNR that belongs to it, in dB."""

    def loss(x: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        error = (restored(network, blurring(x, draws)) - x).square().mean()
        return error, {"psnr": -10 * torch.log10(error.detach())}

    return loss


def restoration_figures(network: nn.Module, data: Dataset, blurring: Blurring) -> dict[str, int | float]:
    """Blur the first validation pictures by the first validation kernels, restore them, and compare.

    Returns:
        ``validation_pictures``, their number; unless that is 0, the mean PSNR in dB of the blurry and of the
        restored pictures (clipped to [0, 1]), and how many the network made worse.
    """
    count = min(500, data.splits["validation"], blurring.blurs.splits["validation"])
    if not count:  # a small folder of images may have none
        return {"validation_pictures": 0}
    truth = data.take(torch.arange(count), "validation")
    blurry = blurring.fixed(truth, "validation", seed=0)
    with torch.no_grad():
        made = torch.cat([restored(network, part).clamp(0, 1) for part in blurry.split(50)])
    before, after = metrics.psnr(blurry, truth), metrics.psnr(made, truth)
    return {
        "validation_pictures": count,
        "psnr_blurry": round(before.mean().item(), 3),
        "psnr_restored": round(after.mean().item(), 3),
        "made_worse": int((after < before).sum()),
    }
