"""A class of your own: learn what its pictures look like from a folder, then deblur others of it, blind.

python examples/own_class.py FOLDER [COUNT]

The folder's training split (nine pictures in ten, by their names) makes the prior. COUNT of the others, 12 by
default, are blurred by kernels of a shaken camera that nothing was fitted to, with noise of σ = 0.01, and
recovered. Prints a line for each, and the means.
"""

from __future__ import annotations

import sys
import tempfile

import torch

import invkit

SIGMA = 0.01


def main(folder: str, count: str = "12") -> None:
    """Train, blur, deblur, print."""
    with tempfile.TemporaryDirectory() as out:
        trained = invkit.train("gaussian", folder, out=out, progress=False)
        recipe = trained.card["recipe"]
        print(f"prior {trained.path.name}: {recipe['size']} pixels, {recipe['rank']} components")
        deblur = invkit.compose("circconv", w="trajectory", x=trained.prior, solver="evidence")

    pictures = invkit.dataset(recipe["data"])
    number = min(int(count), pictures.splits["test"] + pictures.splits["validation"])
    some = [
        pictures.take(torch.arange(pictures.splits[split]), split) for split in ("test", "validation")
    ]
    x = torch.cat(some)[:number]
    w = invkit.dataset("shake").take(torch.arange(number), "test")
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = deblur.operator(w, x) + SIGMA * noise

    solution = deblur(y)
    figures = invkit.metrics.compare(deblur.operator, (solution.w, solution.x), (w, x))
    before, after = invkit.metrics.psnr(y.clamp(0, 1), x), figures.aligned.psnr
    for each in range(number):
        print(
            f"{each}: {before[each]:.1f} → {after[each]:.1f} dB, kernel NCC "
            f"{figures.aligned.kernel_ncc[each]:.2f}, {solution.status[each]}, "
            f"confidence {float(solution.confidence[each]):.2f}"
        )
    doubtful = [status == "doubtful" for status in solution.status]
    print(f"mean PSNR before {before.mean():.1f} dB")
    print(f"mean PSNR after {after.mean():.1f} dB")
    print(f"doubtful {sum(doubtful)} of {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
