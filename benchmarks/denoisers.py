"""How good is a denoiser, by itself and in deblurring?

    OMP_NUM_THREADS=1 python -m benchmarks.denoisers                  # denoiser:photographs, grey pictures
    OMP_NUM_THREADS=1 python -m benchmarks.denoisers --colour
    OMP_NUM_THREADS=1 python -m benchmarks.denoisers --images 2       # see it work

On BSDS500's validation half; with `--split train` on the other. First whole photographs with noise of
σ = 15, 25 and 50/255. Then the pictures of `invkit bench photographs` (shakes, defocus, motion, JPEG, not the
sharp ones; 55 at most), with the true kernel: `pnp` with the denoiser beside `tv`, and beside itself with the
ADMM in the place of half-quadratic splitting. PSNR there is that of luma modulo shift, 15 pixels of border
left out.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from itertools import islice

import attrs
import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from invkit.contracts.dataset import data_folder
from invkit_denoiser.data_step import DataStep
from invkit_denoiser.pnp import PlugAndPlay
from invkit_experiments.inputs.photographs import Photographs, Split
from invkit_experiments.studies.photographs import KINDS, aligned

LEVELS = (15, 25, 50)
OPERATOR = "linconv?boundary=unknown"
LUMA = (0.299, 0.587, 0.114)


@reported
@click.option("--denoiser", default="photographs", show_default=True, help="Its name or file.")
@click.option("--images", default=20, show_default=True, help="Photographs, and blurred pictures.")
@click.option("--colour", is_flag=True, help="Colour pictures; else their luma.")
@click.option("--split", type=click.Choice(["validation", "train"]), default="validation", show_default=True)
def main(denoiser: str, images: int, colour: bool, split: Split) -> Report:
    """Measure a denoiser of photographs, and plug-and-play with it beside total variation."""
    prior = invkit.prior(f"denoiser:{denoiser}")
    assert isinstance(prior, invkit.Denoiser)
    levels: dict[int, list[float]] = {level: [] for level in LEVELS}
    for number, x in enumerate(islice(photographs(split, colour), images)):
        for level, values in levels.items():
            sigma, rng = level / 255, torch.Generator().manual_seed(number)
            noisy = x + sigma * torch.randn(x.shape, generator=rng)
            made = prior.denoise(noisy, torch.tensor([sigma])).clamp(0, 1)
            values.append(float(invkit.metrics.psnr(made, x)))
    ways: dict[str, tuple[invkit.Generator, invkit.Solver]] = {
        "pnp": (prior, invkit.solver("pnp")),
        "the ADMM": (prior, Admm(weight=1.0)),
        "tv": (invkit.prior("identity"), invkit.solver("tv")),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    took = dict.fromkeys(ways, 0.0)
    for w, x, y in islice(blurred(split, colour), images):
        for name, (image, solver) in ways.items():
            began = time.process_time()
            made = invkit.compose(OPERATOR, [invkit.Given(w[0]), image], solver)(y).x
            took[name] += time.process_time() - began
            moved = aligned(made, x)
            found[name].append(float(invkit.metrics.psnr(moved.estimate, moved.truth)))
    means = {name: sum(values) / len(values) for name, values in found.items()}
    return {
        "photographs": images,
        **{f"noise of {level}/255, PSNR in dB": sum(each) / len(each) for level, each in levels.items()},
        "blurred pictures": len(found["tv"]),
        **{f"deblurring by {name}, PSNR in dB": mean for name, mean in means.items()},
        "gain over tv in dB": means["pnp"] - means["tv"],
        "least gain over tv in dB": min(a - b for a, b in zip(found["pnp"], found["tv"], strict=True)),
        "CPU s by pnp": took["pnp"] / len(found["pnp"]),
        "CPU s by tv": took["tv"] / len(found["tv"]),
    }


@attrs.frozen
class Admm(PlugAndPlay):
    """The same by the ADMM: what the denoiser has taken off is put back before the next round.

    Its best weight on six training pictures is 1, of 0.23, 0.5, 1 and 2.
    """

    taken: dict[str, Tensor] = attrs.field(factory=dict)

    def _round(self, data: DataStep, prior: invkit.Denoiser, z: Tensor, sigma: float, level: float) -> Tensor:
        u = torch.zeros_like(z) if level == self.first else self.taken["u"]
        with torch.no_grad():
            x = data(z - u, self.weight * (sigma / level) ** 2)
            z = prior.denoise(x + u, x.new_tensor([level]))
        self.taken["u"] = u + x - z
        return z


def photographs(split: Split, colour: bool) -> Iterator[Tensor]:
    """The photographs of a half, or their luma."""
    folder = {"validation": "val/", "train": "train/"}[split]
    with zipfile.ZipFile(data_folder("photographs") / "bsds500_train_val.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(folder) and name.endswith(".jpg"):
                picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB" if colour else "L")
                values = torch.from_numpy(np.asarray(picture, np.float32) / 255)
                yield (values.movedim(-1, 0) if colour else values[None])[None].contiguous()


def blurred(split: Split, colour: bool) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Kernels, sharp and blurred pictures, of every kind in turn."""
    kinds = [name for name, (_, kernels, _, _) in KINDS.items() if kernels is not None]
    for index in range(5):
        for name in kinds:
            _, kernels, noise, jpeg = KINDS[name]
            turn = list(KINDS).index(name)
            one = Photographs(split, kernels, noise, jpeg, turn, len(KINDS)).one(index, 0)
            yield one.w, *(each if colour else luma(each) for each in (one.x, one.y))


def luma(image: Tensor) -> Tensor:
    """One channel."""
    weights = image.new_tensor(LUMA)[:, None, None]
    return image if image.shape[1] == 1 else (weights * image).sum(1, keepdim=True)


if __name__ == "__main__":
    main()
