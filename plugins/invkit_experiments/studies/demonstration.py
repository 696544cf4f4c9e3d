"""The steps of ``invkit demo``: blur, deblur, compare, draw.

blurred, labels = prepare(operator, 10, seed=0)
recovered = deblur(pipeline, blurred)
report(recovered, labels)["gain_psnr"]          # dB
write_panel("demo.png", panel_rows(recovered))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import torch
from torch import Tensor

import invkit
from invkit.files.panels import Cell, kernel_cell, residual_cell
from invkit.metrics import Comparison, compare, kernel_ncc_modulo_shift, psnr, ssim
from invkit_experiments.engine.scores import finite, mean
from invkit_experiments.inputs.sources import Measured, blur

__all__ = ["METHOD", "Recovered", "deblur", "panel_rows", "prepare", "report"]

METHOD = "digits"
SIGMA = 0.01


@attrs.frozen(eq=False)
class Recovered:
    """Blurry digits, their recovery by a pipeline, and the figures of both."""

    blurred: Measured
    solution: invkit.Solution
    reblurred: Tensor
    comparison: Comparison

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the solve."""
        return invkit.Status.INTERRUPTED in self.solution.status


def prepare(operator: invkit.BilinearOperator, digits: int, seed: int) -> tuple[Measured, list[int]]:
    """The first packaged digits, blurred, and their classes.

    Args:
        operator: model of the blur.
        digits: number of digits, up to 12.
        seed: random seed of the noise.
    """
    index, sample = torch.arange(digits), invkit.dataset("mnist-sample")
    kernels = invkit.dataset("blurA").take(index, "test")
    blurred = blur(operator, kernels, sample.take(index, "test"), sigma=SIGMA, seed=seed)
    return blurred, sample.labels("test")[:digits].tolist()


def deblur(pipeline: invkit.Pipeline, blurred: Measured) -> Recovered:
    """Recover kernels and digits, and compare them with the truth."""
    with _one_thread():
        solution = pipeline(blurred.y)
    with torch.no_grad():
        reblurred = pipeline.operator(solution.w, solution.x)
    comparison = compare(pipeline.operator, (solution.w, solution.x), (blurred.w, blurred.x))
    return Recovered(blurred, solution, reblurred, comparison)


def report(recovered: Recovered, labels: Sequence[int]) -> dict[str, Any]:
    """All figures, JSON-ready: of each digit, their means, the gain in dB, the time, the configuration.

    ``recovered`` holds figures as they are, and modulo the operator's ambiguities where the key says so.
    """
    figures = _figures(recovered)
    rms = (recovered.solution.residual / recovered.blurred.y[0].numel()).sqrt().tolist()
    return {
        "digits": [
            {
                "digit": label,
                **{part: {key: finite(v[i].item()) for key, v in of.items()} for part, of in figures.items()},
                "residual_rms": finite(rms[i]),
                "status": str(recovered.solution.status[i]),
            }
            for i, label in enumerate(labels)
        ],
        "mean": {part: {key: mean(v) for key, v in of.items()} for part, of in figures.items()},
        "gain_psnr": mean(figures["recovered"]["psnr"] - figures["blurry"]["psnr"]),
        "seconds": recovered.solution.seconds,
        "modulo": list(recovered.comparison.modulo),
        "sigma": SIGMA,
        "config": dict(recovered.solution.config or {}),
    }


def panel_rows(recovered: Recovered) -> list[list[Cell]]:
    """A row of cells for each digit, from blurry to residual; all residuals are drawn on one scale."""
    blurred, solution = recovered.blurred, recovered.solution
    residual = blurred.y - recovered.reblurred
    scale = float(residual.abs().max()) or 1.0
    figures = _figures(recovered)
    rows = []
    for i in range(len(blurred.y)):
        before, after = figures["blurry"]["psnr"][i], figures["recovered"]["psnr"][i]
        agreement = figures["recovered"]["kernel_ncc"][i]
        rows.append(
            [
                (f"blurry\n{before:.1f} dB", blurred.y[i]),
                (f"recovered\n{after:.1f} dB", solution.x[i]),
                ("true", blurred.x[i]),
                kernel_cell(solution.w[i], f"kernel\nNCC {agreement:.3f}"),
                kernel_cell(blurred.w[i], "true kernel"),
                ("re-blurred", recovered.reblurred[i]),
                residual_cell(residual[i], scale),
            ]
        )
    return rows


@contextmanager
def _one_thread() -> Iterator[None]:
    """Solve on one core: on a busy machine two threads that wait for each other took three times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _figures(recovered: Recovered) -> dict[str, dict[str, Tensor]]:
    raw, aligned, blurred = recovered.comparison.raw, recovered.comparison.aligned, recovered.blurred
    return {
        "blurry": {"psnr": psnr(blurred.y, blurred.x), "ssim": ssim(blurred.y, blurred.x)},
        "recovered": {
            "psnr": raw.psnr,
            "psnr_modulo": aligned.psnr,
            "ssim": raw.ssim,
            "ssim_modulo": aligned.ssim,
            "kernel_ncc": raw.kernel_ncc,
            "kernel_ncc_modulo_shift": kernel_ncc_modulo_shift(recovered.solution.w, blurred.w),
        },
    }
