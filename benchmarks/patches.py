"""Are photographs deblurred as pictures of patches, by `patches:bounded:gaussian:NAME`?

    OMP_NUM_THREADS=1 python -m benchmarks.patches                # 12 parts of photographs
    OMP_NUM_THREADS=1 python -m benchmarks.patches --images 1     # see it work

A Gaussian is fitted to 2,000 grey patches of 32 × 32 pixels of BSDS500's training half. Parts of 200 × 200
pixels of its validation half are shaken by kernels of 15 × 15 with what lies beyond their borders, with 1 %
noise, and deblurred blind. Levels are modulo a shift, 15 pixels of border left out.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import fmean

import click
import torch

import invkit
from benchmarks._measuring import Report, one_thread, reported
from invkit.files.images import write_image

KERNELS = "trajectory?size=15,longest=15"
SEARCH = "evidence?starts=64,keep=32x12x4,steps=80,retries=0,rank=8x16x64"
SIDE, PATCH = 200, 32


@reported
@click.option("--images", default=12, show_default=True)
@click.option("--patches", default=2000, show_default=True)
@click.option("--solver", default=SEARCH, show_default=True)
def main(images: int, patches: int, solver: str) -> Report:
    """Deblur parts of photographs by the evidence of their patches."""
    one_thread()
    draws, kernel = torch.Generator().manual_seed(0), invkit.prior(KERNELS)
    small, large = (invkit.dataset(f"bsds500?size={size},grey=true") for size in (PATCH, SIDE + 14))
    chosen = torch.randperm(small.splits["train"], generator=draws)[:patches]
    others = torch.randperm(large.splits["validation"], generator=draws)[:images]
    scene = large.take(others, "validation")
    w = kernel(kernel.sample_latent(images, draws))
    y = invkit.operator("linconv?mode=valid")(w, scene)
    y, x = y + 0.01 * torch.randn(y.shape, generator=draws), scene[..., 7:-7, 7:-7]
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(small.take(chosen, "train")):
            write_image(Path(folder) / f"{number:04}.png", picture)
        trained = invkit.train("gaussian", folder, name="patches", out=Path(folder) / "run", progress=False)
        prior = f"patches:bounded:{trained.prior}"
        deblur = invkit.compose("linconv?boundary=unknown", w=KERNELS, x=prior, solver=solver)
        found = [deblur(each[None]) for each in y]
    level, ncc = invkit.metrics.psnr_modulo_shift, invkit.metrics.kernel_ncc_modulo_shift
    before = [float(level(own[None], truth[None])) for own, truth in zip(y, x, strict=True)]
    after = [float(level(each.x, truth[None])) for each, truth in zip(found, x, strict=True)]
    right = [float(ncc(each.w, own[None])) for each, own in zip(found, w, strict=True)]
    return {
        "pictures": images,
        "blurry, PSNR in dB": fmean(before),
        "recovered, PSNR in dB": fmean(after),
        "worse than the input": sum(b > a for b, a in zip(before, after, strict=True)),
        "kernels with a correlation below 0.8": sum(each < 0.8 for each in right),
        "doubtful": sum(each.status[0] == invkit.Status.DOUBTFUL for each in found),
    }


if __name__ == "__main__":
    main()
