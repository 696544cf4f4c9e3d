"""Pictures larger than a class, by overlapping patches; docs/own-class.md explains every step.

python examples/own_patches.py make                # own/patches, own/large, own/large-truth
invkit train gaussian own/patches --install --name patch
invkit deblur own/large --prior 'trajectory?size=15,longest=15' --prior patches:bounded:gaussian:patch \
    --operator 'linconv?boundary=unknown' --out own/large-results \
    --solver 'evidence?starts=64,keep=32x12x4,steps=80,retries=0,rank=8x16x64'
python examples/own_patches.py table own/large-results

``make`` stands in for your camera, with photographs of BSDS500: 2,000 patches of 32 × 32 pixels, cut anywhere
out of its training half, and parts of 200 × 200 pixels of others, shaken with what lies beyond their borders.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

import invkit
from invkit.files.images import read_image, write_image

BLURRY, TRUTH = Path("own/large"), Path("own/large-truth")


def make(count: int = 2000, tests: int = 12, side: int = 200) -> None:
    """Patches of the class; larger pictures, shaken, with 1 % noise; their truth."""
    rng, kernel = torch.Generator().manual_seed(0), invkit.prior("trajectory?size=15,longest=15")
    patches, large = (invkit.dataset(f"bsds500?size={size},grey=true") for size in (32, side + 14))
    chosen = torch.randperm(patches.splits["train"], generator=rng)[:count]
    scene = large.take(torch.randperm(large.splits["validation"], generator=rng)[:tests], "validation")
    w = kernel(kernel.sample_latent(tests, rng))
    y = invkit.operator("linconv?mode=valid")(w, scene)
    y = y + 0.01 * torch.randn(y.shape, generator=rng)
    pictures = {Path("own/patches"): patches.take(chosen, "train"), BLURRY: y, TRUTH: scene[..., 7:-7, 7:-7]}
    for folder, signals in pictures.items():
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(signals):
            write_image(folder / f"{number:04}.png", picture.clamp(0, 1))
    np.save(TRUTH / "kernels.npy", w.numpy())


def table(results: Path) -> None:
    """PSNR before and after, modulo a shift and 15 pixels from the border, and how sure the solver was."""
    rows, psnr, ncc = [], invkit.metrics.psnr_modulo_shift, invkit.metrics.kernel_ncc_modulo_shift
    for path, w in zip(sorted(TRUTH.glob("*.png")), np.load(TRUTH / "kernels.npy"), strict=True):
        x, y = (read_image(folder / path.name) for folder in (TRUTH, BLURRY))
        found, kernel = (np.load(results / f"{path.stem}_{which}.npy") for which in ("sharp", "kernel"))
        status = json.loads((results / f"{path.stem}.json").read_text("utf-8"))["status"]
        before, after = (float(psnr(each.reshape(x.shape), x)) for each in (y, found))
        right, turned = (float(ncc(kernel.reshape(w.shape)[:, ::way, ::way], w)) for way in (1, -1))
        rows.append((before, after, status))
        print(path.stem, f"{before:.2f} → {after:.2f} dB, kernel {right:.2f}, turned {turned:.2f}, {status}")
    for name, sure in {"all": (True, False), "sure": (True,), "doubtful": (False,)}.items():
        if chosen := [row[:2] for row in rows if (row[2] != "doubtful") in sure]:
            before, after = np.array(chosen).T
            gain = f"{before.mean():.1f} → {after.mean():.1f} dB"
            print(f"{name} {len(chosen)}: {gain}, {(after < before).sum()} worse than before")


if __name__ == "__main__":
    make(*map(int, sys.argv[2:])) if sys.argv[1] == "make" else table(Path(sys.argv[2]))
