"""Pictures larger than a class, by overlapping patches; docs/own-class.md explains every step.

python examples/own_patches.py make                # own/patches, own/large, own/large-truth
invkit train gaussian own/patches --install --name patch
invkit deblur own/large --prior 'trajectory?size=15,longest=15' --prior patches:bounded:gaussian:patch \
    --operator 'linconv?boundary=unknown' --out own/large-results \
    --solver 'evidence?starts=64,keep=32x12x4,steps=80,retries=0,rank=8x16x64'
python examples/own_patches.py table own/large-results

``make`` stands in for your camera: patches cut anywhere out of sharp pages of text, and other pages, shaken.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import invkit
from invkit.files.images import read_image, write_image

SHARP, BLURRY, TRUTH = Path("own/patches"), Path("own/large"), Path("own/large-truth")
LETTERS = list("eeeeeeetttttaaaaaooooiiiinnnnssshhhrrrdddlluucmwfgypbvkETASI")


def page(height: int, width: int, rng: np.random.Generator) -> torch.Tensor:
    """A page of words by chance, (1, height, width)."""
    picture, font = Image.new("L", (width, height), 255), ImageFont.load_default(15)
    for top in range(-15, height, 19):
        words = ["".join(rng.choice(LETTERS, rng.integers(2, 9))) for _ in range(width // 20)]
        ImageDraw.Draw(picture).text((-rng.integers(30), top), " ".join(words), fill=20, font=font)
    return torch.from_numpy(np.array(picture, dtype=np.float32))[None] / 255


def make(count: int = 2000, tests: int = 6, height: int = 160, width: int = 220) -> None:
    """Patches of the class; larger pictures, shaken, with 1 % noise; their truth."""
    rng, draws = np.random.default_rng(0), torch.Generator().manual_seed(0)
    pages = torch.stack([page(400, 400, rng) for _ in range(10)]).unfold(2, 32, 1).unfold(3, 32, 1)
    patches = [pages[n % 10, :, a, b] for n, (a, b) in enumerate(rng.integers(369, size=(count, 2)))]
    scene = torch.stack([page(height + 14, width + 14, rng) for _ in range(tests)])
    kernel = invkit.prior("trajectory?size=15,longest=15")
    y = invkit.operator("linconv?mode=valid")(kernel(kernel.sample_latent(tests, draws)), scene)
    y = y + 0.01 * torch.randn(y.shape, generator=draws)
    for folder, signals in zip((SHARP, BLURRY, TRUTH), (patches, y, scene[..., 7:-7, 7:-7]), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(signals):
            write_image(folder / f"{number:04}.png", picture.clamp(0, 1))


def table(results: Path) -> None:
    """PSNR before and after, modulo a shift and 15 pixels from the border, and how sure the solver was."""
    for path in sorted(TRUTH.glob("*.png")):
        x, y = (read_image(folder / path.name) for folder in (TRUTH, BLURRY))
        found = np.load(results / f"{path.stem}_sharp.npy").reshape(x.shape)
        status = json.loads((results / f"{path.stem}.json").read_text("utf-8"))["status"]
        before, after = (float(invkit.metrics.psnr_modulo_shift(each, x)) for each in (y, found))
        print(f"{path.stem}: {before:.1f} → {after:.1f} dB, {status}")


if __name__ == "__main__":
    make(*map(int, sys.argv[2:])) if sys.argv[1] == "make" else table(Path(sys.argv[2]))
