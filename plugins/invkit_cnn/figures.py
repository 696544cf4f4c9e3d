"""What is measured of a trained network, for its card: PSNR before and after, on pictures held out.

restoration_figures(network, data, blurring)    # {"validation_pictures": 500, "psnr_blurry": …, …}
"""

from __future__ import annotations

import torch
from torch import nn

from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit_cnn.blurring import Blurring, restored

__all__ = ["restoration_figures"]


def restoration_figures(
    network: nn.Module, data: Dataset, blurring: Blurring, pictures: int = 500, chunk: int = 50
) -> dict[str, int | float]:
    """Blur the first validation pictures by the first validation kernels, restore them, and compare.

    Args:
        network: the trained one.
        data: its validation split is used, and no other.
        blurring: as in training, but for the kernels' split.
        pictures: how many at most.
        chunk: how many at once.

    Returns:
        ``validation_pictures``, how many there were; unless that is 0, the mean PSNR in dB of the blurry and
        of the restored pictures (clipped to [0, 1]), and how many the network made worse.
    """
    count = min(pictures, data.splits["validation"], blurring.blurs.splits["validation"])
    if not count:  # a small folder of images may have none
        return {"validation_pictures": 0}
    truth = data.take(torch.arange(count), "validation")
    blurry = blurring.fixed(truth, "validation", seed=0)
    with torch.no_grad():
        made = torch.cat([restored(network, part).clamp(0, 1) for part in blurry.split(chunk)])
    before, after = metrics.psnr(blurry, truth), metrics.psnr(made, truth)
    return {
        "validation_pictures": count,
        "psnr_blurry": round(before.mean().item(), 3),
        "psnr_restored": round(after.mean().item(), 3),
        "made_worse": int((after < before).sum()),
    }
