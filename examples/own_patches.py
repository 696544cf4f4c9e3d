"""Pictures larger than a class, by overlapping patches; docs/own-class.md explains every step.

python examples/own_patches.py make                # own/patches, own/large, own/large-truth
invkit train gaussian own/patches --install --name patch
invkit deblur own/large --prior 'trajectory?size=15,longest=15' --prior patches:bounded:gaussian:patch \
    --operator 'linconv?boundary=unknown' --out own/large-results \
    --solver 'evidence?starts=64,keep=32x12x4,steps=80,retries=0,rank=8x16x64'
python examples/own_patches.py table own/large-results

``make`` stands in for your camera, with photographs of BSDS500. It writes 2,000 patches of 32 × 32 pixels,
cut anywhere out of its training half. It shakes parts of 200 × 200 pixels of other photographs; what lies
beyond their borders is blurred into them.
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
KERNELS, REACH = "trajectory?size=15,longest=15", 14


def make(count: int = 2000, tests: int = 12, side: int = 200) -> None:
    """Patches of the class; larger pictures, shaken, with 1 % noise; their truth."""
    rng = torch.Generator().manual_seed(0)
    patches = invkit.dataset("bsds500?size=32,grey=true")
    large = invkit.dataset(f"bsds500?size={side + REACH},grey=true")
    chosen = torch.randperm(patches.splits["train"], generator=rng)[:count]
    scenes = torch.randperm(large.splits["validation"], generator=rng)[:tests]
    scene, kernel = large.take(scenes, "validation"), invkit.prior(KERNELS)
    w = kernel(kernel.sample_latent(tests, rng))
    clean = invkit.operator("linconv?mode=valid")(w, scene)
    y = clean + 0.01 * torch.randn(clean.shape, generator=rng)
    x = scene[:, :, REACH // 2 : -(REACH // 2), REACH // 2 : -(REACH // 2)]
    for folder, signals in (Path("own/patches"), patches.take(chosen, "train")), (BLURRY, y), (TRUTH, x):
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(signals):
            write_image(folder / f"{number:04}.png", picture.clamp(0, 1))
    np.save(TRUTH / "kernels.npy", w.numpy())


def table(results: Path) -> None:
    """PSNR before and after, 15 pixels from the border and modulo a shift, and how sure the solver was."""
    rows = []
    for path, w in zip(sorted(TRUTH.glob("*.png")), np.load(TRUTH / "kernels.npy"), strict=True):
        x, y = (read_image(folder / path.name) for folder in (TRUTH, BLURRY))
        found = np.load(results / f"{path.stem}_sharp.npy").reshape(x.shape)
        kernel = np.load(results / f"{path.stem}_kernel.npy").reshape(w.shape)
        record = json.loads((results / f"{path.stem}.json").read_text("utf-8"))
        before, after = (float(invkit.metrics.psnr_modulo_shift(each, x)) for each in (y, found))
        right, turned = (
            float(invkit.metrics.kernel_ncc_modulo_shift(each, w)) for each in (kernel, kernel[:, ::-1, ::-1])
        )
        rows.append((before, after, record["status"] == "doubtful"))
        print(
            f"{path.stem} {before:6.2f} → {after:5.2f} dB  kernel {right:.2f}, turned by 180° {turned:.2f}"
            f"  {record['status']} {record['confidence'] or 0:.2f}  {record['seconds']:.0f} s"
        )
    for name, chosen in {
        "all": rows,
        "sure": [row for row in rows if not row[2]],
        "doubtful": [row for row in rows if row[2]],
    }.items():
        before, after = (np.mean([row[which] for row in chosen] or [np.nan]) for which in (0, 1))
        worse = sum(row[1] < row[0] for row in chosen)
        print(f"{name} {len(chosen)}: {before:.1f} → {after:.1f} dB, {worse} worse than the blurry picture")


if __name__ == "__main__":
    make(*map(int, sys.argv[2:])) if sys.argv[1] == "make" else table(Path(sys.argv[2]))
