"""Figures of one recovery, and of a row over its images; JSON-ready, None where a figure is not finite.

    figures = scores(one, found, "circconv")         # {"psnr": 27.1, "ssim": 0.86, "ncc": 0.95, …}
    Over("psnr_worst", "worst", ".2f", of="psnr", by=worst).figure([figures, …])
    mean(torch.tensor([20.0, 22.0]))                 # 21.0

"aligned" is modulo the operator's shift and scale, both undone by the image; NCC is at shift zero unless it
says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import attrs
import torch
from torch import Tensor

import invkit
from invkit.metrics import compare, per_pixel_error, psnr, ssim
from invkit_experiments.engine.methods import Found
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column

__all__ = [
    "Figures",
    "Over",
    "each",
    "finite",
    "mean",
    "mean_known",
    "median",
    "plain",
    "quantile",
    "scores",
    "total",
    "worst",
]

Figures = Mapping[str, float | None]
"""Name → figure of one image; None where it is not finite, as is the PSNR of a perfect image."""


def finite(value: float) -> float | None:
    """The number, or None where JSON cannot hold it."""
    return value if math.isfinite(value) else None


def each(values: Tensor) -> list[float | None]:
    """Every value of a batch."""
    return [finite(value) for value in values.double().tolist()]


def mean(values: Tensor) -> float | None:
    """Mean of a batch."""
    return finite(values.double().mean().item())


def median(values: Tensor) -> float | None:
    """Median of a batch; the middle of the two middle values if their number is even."""
    return quantile(values, 0.5)


def worst(values: Tensor) -> float | None:
    """Least value of a batch."""
    return finite(values.double().min().item())


def total(values: Tensor) -> float | None:
    """Sum of a batch: how many, of figures that are 1 or 0."""
    return finite(values.double().sum().item())


def mean_known(values: Tensor) -> float | None:
    """Mean of those that are there; None where none is."""
    return mean(values[~values.isnan()])


def quantile(values: Tensor, share: float) -> float | None:
    """Value below which this fraction of the batch lies, interpolated."""
    return finite(torch.quantile(values.double(), share).item())


@attrs.frozen(kw_only=True)
class Over(Column):
    """A column over a row's images: ``by`` of the figure ``of``."""

    of: str
    by: Callable[[Tensor], float | None] = mean

    def figure(self, cells: Sequence[Figures]) -> float | None:
        """The row's figure; None where not every image has it."""
        if not cells or any(self.of not in cell for cell in cells):
            return None
        values = [cell[self.of] for cell in cells]
        return self.by(torch.tensor([math.nan if value is None else value for value in values]).double())


def scores(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """Closeness of a recovery to the truth, by every measure that applies to it."""
    figures: dict[str, Tensor] = {
        "psnr": psnr(found.x, one.x),
        "ssim": ssim(found.x, one.x),
        "error": per_pixel_error(found.x, one.x),
    }
    if found.w is not None and found.w.shape == one.w.shape:
        comparison = compare(invkit.operator(operator), (found.w, found.x), (one.w, one.x))
        aligned = comparison.aligned
        assert aligned.ssim is not None
        figures |= {
            "ncc": comparison.raw.kernel_ncc,
            "psnr_aligned": aligned.psnr,
            "ssim_aligned": aligned.ssim,
            "ncc_aligned": aligned.kernel_ncc,
        }
    return plain(figures, found)


def plain(figures: Mapping[str, Tensor], found: Found) -> dict[str, float | None]:
    """Figures of one image and its seconds, if known, as numbers; None where one is not finite."""
    numbers = {name: finite(value.double().item()) for name, value in figures.items()}
    times = {"seconds": found.seconds, "cpu": found.cpu}
    return numbers | {name: finite(value) for name, value in times.items() if value is not None}
