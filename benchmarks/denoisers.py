"""How good is a denoiser, by itself and in deblurring?

    OMP_NUM_THREADS=1 python -m benchmarks.denoisers                  # denoiser:photographs-grey
    OMP_NUM_THREADS=1 python -m benchmarks.denoisers --images 2       # see it work

On BSDS500's validation half, luma. First whole photographs with noise of σ = 25/255. Then the pictures of
`invkit bench photographs` (shakes, defocus, motion, JPEG, not the sharp ones; 55 at most), with the true
kernel: `pnp` with the denoiser beside `tv`. PSNR is modulo shift there, 15 pixels of border left out.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import islice

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from invkit.contracts.dataset import data_folder
from invkit_experiments.inputs.photographs import Photographs
from invkit_experiments.studies.photographs import KINDS, aligned

OPERATOR = "linconv?boundary=unknown"
LUMA = (0.299, 0.587, 0.114)


@reported
@click.option("--denoiser", default="photographs-grey", show_default=True, help="Its name or file.")
@click.option("--images", default=20, show_default=True, help="Photographs, and blurred pictures.")
def main(denoiser: str, images: int) -> Report:
    """Measure a denoiser of grey photographs, and plug-and-play with it beside total variation."""
    prior = invkit.prior(f"denoiser:{denoiser}")
    assert isinstance(prior, invkit.Denoiser)
    sigma, levels = 25 / 255, []
    for number, x in enumerate(islice(photographs(), images)):
        noisy = x + sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(number))
        levels.append(float(invkit.metrics.psnr(prior.denoise(noisy, torch.tensor([sigma])).clamp(0, 1), x)))
    ways = {"pnp": (prior, "pnp"), "tv": (invkit.prior("identity"), "tv")}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for w, x, y in islice(blurred(), images):
        for name, (image, solver) in ways.items():
            moved = aligned(invkit.compose(OPERATOR, [invkit.Given(w[0]), image], solver)(y).x, x)
            found[name].append(float(invkit.metrics.psnr(moved.estimate, moved.truth)))
    means = {name: sum(values) / len(values) for name, values in found.items()}
    return {
        "photographs": len(levels),
        "noise of 25/255, PSNR in dB": sum(levels) / len(levels),
        "blurred pictures": len(found["tv"]),
        "deblurring by pnp, PSNR in dB": means["pnp"],
        "deblurring by tv, PSNR in dB": means["tv"],
        "gain over tv in dB": means["pnp"] - means["tv"],
    }


def photographs() -> Iterator[Tensor]:
    """Luma of the photographs of the validation half."""
    with zipfile.ZipFile(data_folder("photographs") / "bsds500_train_val.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("val/") and name.endswith(".jpg"):
                grey = Image.open(io.BytesIO(archive.read(name))).convert("L")
                yield torch.from_numpy(np.asarray(grey, np.float32) / 255)[None, None]


def blurred() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Kernels, sharp and blurred luma, of every kind in turn."""
    kinds = [name for name, (_, kernels, _, _) in KINDS.items() if kernels is not None]
    for index in range(5):
        for name in kinds:
            _, kernels, noise, jpeg = KINDS[name]
            turn = list(KINDS).index(name)
            one = Photographs("validation", kernels, noise, jpeg, turn, len(KINDS)).one(index, 0)
            yield one.w, *(luma(each) for each in (one.x, one.y))


def luma(image: Tensor) -> Tensor:
    """One channel."""
    weights = image.new_tensor(LUMA)[:, None, None]
    return image if image.shape[1] == 1 else (weights * image).sum(1, keepdim=True)


if __name__ == "__main__":
    main()
