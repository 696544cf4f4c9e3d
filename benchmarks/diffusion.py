"""How good are the samples of `diffusion`, and do they know how good they are?

    OMP_NUM_THREADS=1 python -m benchmarks.diffusion                  # 8 validation faces
    OMP_NUM_THREADS=1 python -m benchmarks.diffusion --split train    # to tune on
    OMP_NUM_THREADS=1 python -m benchmarks.diffusion --images 1       # see it work

CelebA faces, blurred by camera shakes of 28 × 28 pixels, with 1 % noise. `diffusion` with `denoiser:faces`
stands beside `evidence` with draws from its own Gaussian posterior, with the true kernel and blind: with the
one kernel that `evidence` finds, and with kernels drawn from its posterior. PSNR is that of the posterior
mean. Of the pixels, 90 % would lie within mean ± 1.645 deviations, were the posterior right and Gaussian.
"""

from __future__ import annotations

import time
from typing import Any

import click
import torch

import invkit
from benchmarks._measuring import Report, reported

EVIDENCE = "evidence?draws=50"
SIGMA = 0.01
WITHIN = 1.645
"""Deviations that hold 90 % of a Gaussian."""


@reported
@click.option("--images", default=8, show_default=True)
@click.option("--split", type=click.Choice(["validation", "train"]), default="validation", show_default=True)
@click.option("--solver", default="diffusion", show_default=True, help="Its spec.")
@click.option("--denoiser", default="faces", show_default=True, help="Its name or file.")
def main(images: int, split: str, solver: str, denoiser: str) -> Report:
    """Measure samples of faces, with the true kernel and blind."""
    index = torch.arange(images)
    x, w = (invkit.dataset(name).take(index, split) for name in ("celeba", "shake"))
    y = invkit.operator("circconv")(w, x)
    y = y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    faces, gaussian = invkit.prior(f"denoiser:{denoiser}"), invkit.prior("gaussian:celeba")

    def solved(kernel: invkit.Generator, prior: invkit.Generator, how: str, start: Any = None) -> Any:
        deblur = invkit.compose("circconv", [kernel, prior], how, noise=f"gaussian?sigma={SIGMA}")
        began = time.process_time()
        return deblur(y, start=start), time.process_time() - began

    known = invkit.Given(w, each=True)
    blind = solved(invkit.prior("trajectory"), gaussian, EVIDENCE)
    held = invkit.Given(blind[0].w, each=True)
    ways = {
        "blind, evidence": blind,
        "blind, diffusion with one kernel": solved(held, faces, solver),
        "blind, diffusion with kernels drawn": solved(held, faces, solver, blind[0]),
        "true kernel, evidence": solved(known, gaussian, EVIDENCE),
        "true kernel, diffusion": solved(known, faces, solver),
    }
    report: dict[str, Any] = {"faces": images, "blurry, PSNR in dB": float(invkit.metrics.psnr(y, x).mean())}
    for name, (found, spent) in ways.items():
        within = (found.x - x).abs() <= WITHIN * found.x_std
        report[name] = {
            "PSNR in dB": float(invkit.metrics.psnr(found.x, x).mean()),
            "least PSNR in dB": float(invkit.metrics.psnr(found.x, x).min()),
            "pixels within 1.645 deviations, %": 100 * float(within.float().mean()),
            "least of a face, %": 100 * float(within.float().flatten(1).mean(1).min()),
            "rms deviation": float(found.x_std.square().mean().sqrt()),
            "rms error": float((found.x - x).square().mean().sqrt()),
            "CPU s a face": spent / images,
        }
    return report


if __name__ == "__main__":
    main()
