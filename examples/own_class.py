"""A class of your own, from a folder of pictures to a table; docs/own-class.md explains every step.

python examples/own_class.py make                  # own/pictures, own/blurry, own/truth
invkit train gaussian own/pictures --install --name own
invkit deblur own/blurry --prior trajectory --prior gaussian:own --solver evidence --out own/results
python examples/own_class.py table own/results

``make`` stands in for your camera: it writes 500 MNIST digits to learn from, and 20 others, which it blurs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import invkit
from invkit.files.images import write_image

BLURRY, TRUTH = Path("own/blurry"), Path("own/truth")


def make(count: int = 500, tests: int = 20) -> None:
    """Pictures of the class; other pictures, blurred by hand-held cameras with 1 % noise; their truth."""
    digits, kernels = invkit.dataset("mnist"), invkit.dataset("shake")
    x, w = digits.take(torch.arange(tests), "test"), kernels.take(torch.arange(tests), "test")
    noise = 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = invkit.operator("circconv")(w, x) + noise
    pictures = digits.take(torch.arange(count), "train")
    for folder, signals in (Path("own/pictures"), pictures), (BLURRY, y), (TRUTH, x):
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(signals):
            write_image(folder / f"{number:03}.png", picture.clamp(0, 1))
    np.save(TRUTH / "kernels.npy", w.numpy())


def table(results: Path) -> None:
    """PSNR before and after, modulo a shift and a scale, and how sure the solver was; own/panels.png."""
    operator, kernels = invkit.operator("circconv"), np.load(TRUTH / "kernels.npy")
    rows = []
    for path, w in zip(sorted(TRUTH.glob("*.png")), kernels, strict=True):
        x, y = (invkit.files.images.read_image(folder / path.name) for folder in (TRUTH, BLURRY))
        found = tuple(np.load(results / f"{path.stem}_{which}.npy") for which in ("kernel", "sharp"))
        record = json.loads((results / f"{path.stem}.json").read_text("utf-8"))
        after = invkit.metrics.compare(operator, found, (w, x)).aligned.psnr
        rows.append((invkit.metrics.psnr(y, x), after, record["confidence"], record["status"]))
        print(path.stem, "{:6.2f} → {:5.2f} dB  confidence {:.2f}  {}".format(*rows[-1]))
    panels = [np.asarray(Image.open(path)) for path in sorted(results.glob("*_panel.png"))[:3]]
    Image.fromarray(np.concatenate(panels)).save("own/panels.png")
    for name, chosen in {
        "all": rows,
        "sure": [row for row in rows if row[3] != "doubtful"],
        "doubtful": [row for row in rows if row[3] == "doubtful"],
    }.items():
        before, after = (np.mean([row[which] for row in chosen] or [np.nan]) for which in (0, 1))
        worst = min((row[1] for row in chosen), default=np.nan)
        print(f"{name} {len(chosen)}: {before:.1f} → {after:.1f} dB, worst {worst:.1f} dB")


if __name__ == "__main__":
    make(*map(int, sys.argv[2:])) if sys.argv[1] == "make" else table(Path(sys.argv[2]))
