"""How good are the samples of `diffusion`, and do they know how good they are?

    OMP_NUM_THREADS=1 python -m benchmarks.diffusion                  # 8 validation faces
    OMP_NUM_THREADS=1 python -m benchmarks.diffusion --split train    # to tune on
    OMP_NUM_THREADS=1 python -m benchmarks.diffusion --images 1       # see it work

CelebA faces, blurred by camera shakes of 28 × 28 pixels, with 1 % noise. `diffusion` with `denoiser:faces`
stands beside `evidence` with draws from its own Gaussian posterior, both with the true kernel and with the
kernel that `evidence` finds. Figures are means over the pictures: PSNR of the posterior mean, and how many
pixels lie within mean ± 1.645 deviations, which would be 90 % of them were the deviations those of a Gaussian
posterior.
"""

from __future__ import annotations

import time

import click
import torch

import invkit
from benchmarks._measuring import Report, reported

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
    index, noise = torch.arange(images), f"gaussian?sigma={SIGMA}"
    x, w = (invkit.dataset(name).take(index, split) for name in ("celeba", "shake"))
    y = invkit.operator("circconv")(w, x)
    y = y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    faces, gaussian = invkit.prior(f"denoiser:{denoiser}"), invkit.prior("gaussian:celeba")
    drawn = invkit.solver("evidence?draws=50")
    blind = invkit.compose("circconv", ["trajectory", gaussian], drawn, noise=noise)(y)
    ways = {
        "blind, evidence": lambda number: None,
        "blind, diffusion": lambda number: (blind.w[number], faces, solver),
        "true kernel, evidence": lambda number: (w[number], gaussian, drawn),
        "true kernel, diffusion": lambda number: (w[number], faces, solver),
    }
    report: dict[str, Report] = {"blurry": {"PSNR in dB": float(invkit.metrics.psnr(y, x).mean())}}
    for name, way in ways.items():
        began, found = time.process_time(), []
        for number in range(images):
            told = way(number)
            if told is None:
                found.append((blind.x[number], blind.x_std[number]))
                continue
            kernel, prior, how = told
            known = [invkit.Given(kernel), prior]
            one = invkit.compose("circconv", known, how, noise=noise)(y[number, None])
            found.append((one.x[0], one.x_std[0]))
        mean, spread = (torch.stack(list(each)) for each in zip(*found, strict=True))
        report[name] = {
            "PSNR in dB": float(invkit.metrics.psnr(mean, x).mean()),
            "least PSNR in dB": float(invkit.metrics.psnr(mean, x).min()),
            "within 1.645 deviations, %": 100 * float(((mean - x).abs() <= WITHIN * spread).float().mean()),
            "mean deviation": float(spread.mean()),
            "rms error": float((mean - x).square().mean().sqrt()),
            "CPU s an image": (time.process_time() - began) / images,
        }
    return report


if __name__ == "__main__":
    main()
