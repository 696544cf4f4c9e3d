"""How well does blind deconvolution of a microscope's volume do? Beside Richardson–Lucy, blind and not.

    pip install scikit-image                              # the peer; without it only ours is measured
    OMP_NUM_THREADS=1 python -m benchmarks.microscopy
    OMP_NUM_THREADS=1 python -m benchmarks.microscopy --picture bars.png

The volume is ``INVKIT_DATA/microscopy/data.tif``: "bars", 32 slices of 64 × 64, with counts and background.
Its truth and the point-spread function that comes with it are there, too. PSNR is that of the truth's largest
value, after a fitted scale. A volume of zeros has 25.6 dB.

- blurry: the measurement.
- Richardson–Lucy: ``blindrl``, blind, and known with the point-spread function that comes with the data; the
  best of 4, 16, 64 and 256 iterations. It is the truth that says which, as it never could.
- scikit-image: ``richardson_lucy`` with that point-spread function, likewise. It knows nothing beyond the
  borders, where the others go round.
- ours: ``altgd`` with the priors ``widefield`` and ``squares``, told nothing of either. Its rate is the one
  of 0.02 and 0.05 that ends at the smaller objective. ``known`` has the point-spread function that comes with
  the data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from benchmarks._peers import skimage_or_none, version
from invkit.contracts.dataset import data_folder
from invkit.files.images import write_image
from invkit.files.scans import read_stack

ITERATIONS = (4, 16, 64, 256)
OPERATOR = "circconv?dims=3"

Way = Callable[[Tensor], Tensor]
"""From a measurement to the object, both (1, slices, rows, columns)."""


def solver(steps: int) -> str:
    """One start, from the measurement."""
    return f"altgd?start=image,restarts=1,keep=1,steps={steps},rate=0.05"


class Ours:
    """``altgd``, blind or with a given point-spread function. Notes what it found of it."""

    def __init__(self, noise: str, steps: int, given: Tensor | None = None) -> None:
        self.noise, self.steps, self.given = noise, steps, given
        self.found: dict[str, float] = {}
        #: norm of what it does not explain, beside that of the measurement
        self.left = 1.0

    def __call__(self, y: Tensor) -> Tensor:
        size = "x".join(map(str, y.shape[1:]))
        w = invkit.prior(f"widefield?size={size}") if self.given is None else invkit.Given(self.given)
        solution = invkit.compose(OPERATOR, w=w, x="squares", solver=solver(self.steps), noise=self.noise)(y)
        self.found = {
            name: float(value) for name, value in w.numbers(solution.latents[0].reshape(1, -1)).items()
        }
        self.left = float((solution.residual / y.square().sum()).sqrt())
        found: Tensor = solution.x
        return found


def richardson_lucy(y: Tensor, steps: int, given: Tensor | None = None) -> Tensor:
    """``blindrl``, with a kernel of the size of the volume or a given one."""
    w = f"identity?shape={'x'.join(map(str, y.shape))}" if given is None else invkit.Given(given)
    found: Tensor = invkit.compose(OPERATOR, w=w, x="identity", solver=f"blindrl?steps={steps}")(y).x
    return found


def theirs(skimage: ModuleType, kernel: Tensor, steps: int) -> Way:
    """scikit-image's Richardson–Lucy with a given point-spread function."""
    from skimage import restoration

    def run(y: Tensor) -> Tensor:
        made = restoration.richardson_lucy(
            y[0].numpy(), kernel[0].numpy(), num_iter=steps, clip=False, filter_epsilon=1e-6
        )
        return torch.from_numpy(made)[None].to(y)

    return run


def psnr(volume: Tensor, truth: Tensor) -> float:
    """In dB, of the largest value of the truth, after a fitted scale."""
    scale = (volume * truth).sum() / volume.square().sum()
    return float(10 * torch.log10(truth.max() ** 2 / (scale * volume - truth).square().mean()))


@reported
@click.option("--steps", default=400, show_default=True, help="Steps of ours.")
@click.option("--picture", type=click.Path(), help="Write views of all volumes side by side.")
def main(steps: int, picture: str | None) -> Report:
    """Measure blind deconvolution of a volume with counts."""
    folder = data_folder("microscopy")
    y, truth, kernel = (
        torch.from_numpy(read_stack(folder / f"{name}.tif")) for name in ("data", "actual", "kernel")
    )
    y, kernel = y / y.max(), kernel / kernel.sum()
    skimage = skimage_or_none()
    volumes, seconds = {"blurry": y}, {}
    mine = {
        "ours, blind": Ours("gaussian", steps),
        "ours, blind, noise=poisson": Ours("poisson", steps),
        "ours, known": Ours("gaussian", steps, kernel),
    }
    for name, way in mine.items():
        start = time.process_time()
        volumes[name] = way(y)
        seconds[name] = time.process_time() - start
    for number in ITERATIONS:
        volumes[f"Richardson-Lucy, blind, {number}"] = richardson_lucy(y, number)
        volumes[f"Richardson-Lucy, known, {number}"] = richardson_lucy(y, number, kernel)
        if skimage is not None:
            volumes[f"scikit-image Richardson-Lucy, known, {number}"] = theirs(skimage, kernel, number)(y)
    if picture:
        shown = ("blurry", "ours, blind", "ours, known")
        write_image(
            picture, torch.cat([*(views(volumes[name][0]) for name in shown), views(truth[0])], 1)[None]
        )
    return {
        "peer": version(skimage),
        "PSNR in dB": best({name: psnr(volume, truth) for name, volume in volumes.items()}),
        "left unexplained": {name: way.left for name, way in mine.items()},
        "point-spread function of ours, blind": mine["ours, blind"].found,
        "CPU seconds": seconds,
    }


def best(values: dict[str, float]) -> dict[str, float]:
    """The best figure of each way; ways whose names differ in the number of iterations alone count as one."""
    found: dict[str, float] = {}
    for name, value in values.items():
        way = name.rpartition(", ")[0] if name.rpartition(", ")[2].isdecimal() else name
        found[way] = max(value, found.get(way, value))
    return found


def views(volume: Tensor) -> Tensor:
    """The largest values along the optical axis, and below them those along the rows."""
    seen = torch.cat([volume.amax(0), volume.amax(1)])
    return (seen / seen.max()).clamp_min(0).sqrt()


if __name__ == "__main__":
    main()
