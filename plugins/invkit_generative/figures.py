"""What is measured of a trained prior on its own test split, for its card.

    reconstruction_figures(prior, data)        # {"test_signals": 2000, "reconstruction_psnr": …, "reconstruction_ncc": …, …}
"""

from __future__ import annotations

import torch
from invkit import metrics
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator
from torch import Tensor


def reconstruction_figures(prior: Generator, data: Dataset, signals: int = 2000, chunk: int = 250) -> dict[str, float]:
    """Means over the first ``signals`` of the test split of encode-then-decode: PSNR in dB of the images, NCC, and the 5 %
    quantile of the NCC. For a prior of kernels (unit sum) PSNR says little and is left out."""
    signals = min(signals, data.splits["test"])
    ncc, psnr = [], []
    for first in range(0, signals, chunk):
        truth = data.take(torch.arange(first, min(first + chunk, signals)), "test")
        with torch.no_grad():
            made: Tensor = prior(prior.encode(truth))
        ncc.append(metrics.kernel_ncc(made, truth))
        psnr.append(metrics.psnr(made, truth))
    all_ncc = torch.cat(ncc)
    figures = {
        "test_signals": signals,
        "reconstruction_ncc": round(all_ncc.mean().item(), 5),
        "reconstruction_ncc_worst_5_percent": round(all_ncc.quantile(0.05).item(), 5),
    }
    if truth.flatten(1).sum(1).sub(1).abs().max() > 1e-3:
        figures["reconstruction_psnr"] = round(torch.cat(psnr).mean().item(), 3)
    return figures
