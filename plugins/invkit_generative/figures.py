"""What is measured of a trained prior on its own test split, for its card.

reconstruction_figures(prior, data)      # {"test_signals": 2000, "reconstruction_ncc": …, …}
"""

from __future__ import annotations

import torch

from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator

__all__ = ["reconstruction_figures"]


def reconstruction_figures(
    prior: Generator, data: Dataset, signals: int = 2000, chunk: int = 250
) -> dict[str, int | float]:
    """Measure encode-then-decode on the first ``signals`` of the test split, or of the validation split where
    the data here have no test signals.

    Args:
        prior: one that can encode.
        data: signals of its shape.
        signals: how many at most.
        chunk: how many at once.

    Returns:
        ``test_signals`` (or ``validation_signals``), how many there were; unless that is 0, the mean NCC, its
        5 % quantile, and, for images, the mean PSNR in dB. For kernels (unit sum) PSNR says little and is
        left out.
    """
    split = "test" if data.splits["test"] else "validation"
    signals = min(signals, data.splits[split])
    if not signals:  # a small folder of images may have none
        return {"test_signals": 0}
    ncc, psnr, sums = [], [], []
    for first in range(0, signals, chunk):
        truth = data.take(torch.arange(first, min(first + chunk, signals)), split)
        with torch.no_grad():
            made = prior(prior.encode(truth))
        ncc.append(metrics.kernel_ncc(made, truth))
        psnr.append(metrics.psnr(made, truth))
        sums.append(truth.flatten(1).sum(1))
    all_ncc = torch.cat(ncc)
    figures: dict[str, int | float] = {
        f"{split}_signals": signals,
        "reconstruction_ncc": round(all_ncc.mean().item(), 5),
        "reconstruction_ncc_worst_5_percent": round(all_ncc.quantile(0.05).item(), 5),
    }
    are_kernels = (torch.cat(sums) - 1).abs().max() < 1e-3
    if not are_kernels:
        figures["reconstruction_psnr"] = round(torch.cat(psnr).mean().item(), 3)
    return figures
