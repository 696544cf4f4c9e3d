"""Makes the blurry pictures that come with invkit, from Kodak's photographs and a packaged digit.

    python -m benchmarks.packaged_examples            # writes invkit/packaged/*.png and *.npy

Kernels are drawn from `trajectory` (a shaken camera) and, for the digit, taken from blur A's test split. The
face stands in the frame in which CelebA's are cropped, as far as the photograph reaches. The photograph is
blurred before it is cropped: what lies beyond its border is part of the measurement, as it is in a camera.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

import invkit
from invkit.contracts.dataset import data_folder
from invkit.files.images import write_image
from invkit.packaged import FOLDER

SIGMA = 0.01
FACE, PHOTOGRAPH = "kodim15.png", "kodim23.png"
FACE_BOX = (359, 2, 749, 392)  # left, top, right, bottom, in pixels of the photograph
PHOTOGRAPH_BOX = (306, 86, 738, 390)  # with a border that is cropped after blurring
BORDER = 24
SEEDS = {"face": 11, "photo": 4, "digit": 0}
DIGIT, DIGIT_KERNEL = 7, 3


def part_of(path: Path, box: tuple[int, int, int, int], side: int | None = None) -> Tensor:
    """A part of a picture, (1, 3, height, width) in [0, 1]; with ``side`` reduced to that by averaging."""
    with Image.open(path) as picture:
        part = picture.convert("RGB").crop(box)
    if side is not None:
        part = part.resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(part).copy()).movedim(-1, 0)[None].float() / 255


def shake(seed: int) -> Tensor:
    """A kernel of a shaken camera, (1, 1, 28, 28)."""
    prior = invkit.prior("trajectory")
    with torch.no_grad():
        made: Tensor = prior(prior.sample_latent(1, torch.Generator().manual_seed(seed)))
    return made


def noisy(y: Tensor, seed: int) -> Tensor:
    """The measurement with noise."""
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
    return y + SIGMA * noise


def write(name: str, w: Tensor, x: Tensor, y: Tensor) -> None:
    """The three files of an example."""
    write_image(FOLDER / f"{name}_sharp.png", x[0].numpy())
    write_image(FOLDER / f"{name}_blurry.png", y[0].numpy())
    np.save(FOLDER / f"{name}_kernel.npy", w[0].numpy(), allow_pickle=False)
    click.echo(f"{name}: {tuple(y.shape[1:])}")


@click.command()
def main() -> None:
    """Write the pictures into the package."""
    kodak = data_folder("photographs") / "kodak"
    circular = invkit.operator("circconv")

    x, w = part_of(kodak / FACE, FACE_BOX, 64), shake(SEEDS["face"])
    write("face", w, x, noisy(circular(w, x), SEEDS["face"]))

    x = part_of(kodak / PHOTOGRAPH, PHOTOGRAPH_BOX)
    w = shake(SEEDS["photo"])
    y = circular(w, x)
    inside = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    write("photo", w, x[inside], noisy(y[inside], SEEDS["photo"]))

    x = invkit.dataset("mnist-sample").take(torch.tensor([DIGIT]), "test")
    w = invkit.dataset("blurA").take(torch.tensor([DIGIT_KERNEL]), "test")
    write("digit", w, x, noisy(circular(w, x), SEEDS["digit"]))


if __name__ == "__main__":
    main()
