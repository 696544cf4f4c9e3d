"""How well does it see from few samples? Parallel MRI with unknown coils, beside zero-filling and sigpy.

    pip install sigpy                                     # the peer; without it only ours is measured
    OMP_NUM_THREADS=1 python -m benchmarks.mri
    OMP_NUM_THREADS=1 python -m benchmarks.mri --picture mri.png

The scan is ``INVKIT_DATA/mri/full.cfl``: k-space of one slice, 8 coils, 180 × 230, fully sampled. Of it every
second or third row and column is kept, and a square in the middle. Compared are magnitudes with the root sum
of squares of the fully sampled coils: the relative error after a fitted scale, on the pixels above 5 % of its
largest. That reference has noise, too. So no reconstruction, however good, comes down to zero.

Ours are two stages of one setting for all cases, the defaults of both solvers: ``irgnm`` finds coils and
image, ``tv`` recovers the image anew with the coils divided by their root sum of squares and the noise's σ
from what ``irgnm`` could not explain. sigpy's are ESPIRiT and SENSE as they come, without regularisation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType

import click
import numpy as np
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from benchmarks._peers import sigpy_or_none, version
from invkit.contracts.dataset import data_folder
from invkit.files.images import write_image
from invkit.files.scans import read_cfl

CASES = {
    "2 x 2, 24 calibration lines": (2, 2, 24),
    "2 x 2, 12 calibration lines": (2, 2, 12),
    "2 x 3, 24 calibration lines": (2, 3, 24),
    "3 x 2, 24 calibration lines": (3, 2, 24),
}
"""One of how many rows and columns is kept, and the side of the square in the middle."""

Method = Callable[[Tensor, Tensor, int], dict[str, Tensor]]
"""From k-space, its mask and the side of the square in the middle to magnitudes by name."""


def zero_filled(y: Tensor, sampled: Tensor, calibration: int) -> dict[str, Tensor]:
    """Zeros where nothing was sampled; the root sum of squares of the coils."""
    return {"zero-filled": invkit.linear("dft?centred=true").adjoint(y[None])[0].norm(dim=0)}


def ours(y: Tensor, sampled: Tensor, calibration: int) -> dict[str, Tensor]:
    """Coils and image by ``irgnm``, then the image by ``tv``."""
    y = y / zero_filled(y, sampled, calibration)["zero-filled"].max()
    acquire = (
        invkit.diagonal(sampled[None]) @ invkit.linear("dft?centred=true") @ invkit.operator("pointwise")
    )
    image = f"identity?shape=1x{y.shape[1]}x{y.shape[2]}"
    found = invkit.compose(acquire, w="sobolev", x=image, solver="irgnm")(y)
    size = found.w.norm(dim=0)
    sigma = (found.residual / (len(y) * sampled.sum())).sqrt()
    noise = invkit.noise("gaussian", sigma=float(sigma))
    coils = invkit.Given(found.w / size.clamp_min(1e-6 * size.max()))
    image = invkit.compose(acquire, w=coils, x=image, solver="tv", noise=noise)(y).x
    return {"irgnm": found.x[0].abs() * size, "irgnm, then tv": image[0].abs()}


def theirs(sigpy: ModuleType) -> Method:
    """sigpy's ESPIRiT for the coils and SENSE for the image."""
    import sigpy.mri as mri

    def run(y: Tensor, sampled: Tensor, calibration: int) -> dict[str, Tensor]:
        coils = mri.app.EspiritCalib(y.numpy(), calib_width=calibration, show_pbar=False).run()
        image = mri.app.SenseRecon(y.numpy(), coils, weights=sampled.numpy(), show_pbar=False).run()
        return {"sigpy ESPIRiT + SENSE": torch.from_numpy(np.abs(image))}

    return run


def pattern(size: tuple[int, int], rows: int, columns: int, calibration: int) -> Tensor:
    """1 where k-space is sampled, (height, width)."""
    mask = torch.zeros(size)
    mask[::rows, ::columns] = 1
    middle = [slice(n // 2 - calibration // 2, n // 2 + calibration // 2) for n in size]
    mask[middle[0], middle[1]] = 1
    return mask


def error(image: Tensor, truth: Tensor) -> float:
    """The relative error after a fitted scale, on the pixels above 5 % of the largest."""
    on = truth > 0.05 * truth.max()
    image, truth = image[on], truth[on]
    scale = (image * truth).sum() / image.square().sum()
    return float((scale * image - truth).norm() / truth.norm())


@reported
@click.option("--case", "only", type=click.Choice(list(CASES)), help="This case alone.")
@click.option("--picture", type=click.Path(), help="Write all magnitudes of the last case side by side.")
def main(only: str | None, picture: str | None) -> Iterator[Report]:
    """Measure parallel MRI with unknown coils."""
    full = torch.from_numpy(read_cfl(data_folder("mri") / "full.cfl"))
    truth = invkit.linear("dft?centred=true").adjoint(full[None])[0].norm(dim=0)
    sigpy = sigpy_or_none()
    methods: list[Method] = [zero_filled, ours] + ([] if sigpy is None else [theirs(sigpy)])
    made: dict[str, Tensor] = {}
    for name, (rows, columns, calibration) in CASES.items():
        if only not in (None, name):
            continue
        sampled = pattern((full.shape[1], full.shape[2]), rows, columns, calibration)
        errors, seconds, made = {}, {}, {}
        for method in methods:
            start = time.process_time()
            found = method(full * sampled, sampled, calibration)
            seconds[" and ".join(found)] = time.process_time() - start
            errors |= {each: round(error(image, truth), 4) for each, image in found.items()}
            made |= found
        yield {
            "case": name,
            "peer": version(sigpy),
            "samples kept": float(sampled.mean()),
            "relative error": {each: f"{value:.4f}" for each, value in errors.items()},
            "CPU seconds": seconds,
        }
    if picture:
        write_image(picture, beside({"all samples": truth, **made}, truth))


def beside(images: dict[str, Tensor], truth: Tensor) -> Tensor:
    """Magnitudes at one scale; below them their differences from the truth, four times as bright."""
    columns = []
    for image in images.values():
        scaled = image * (image * truth).sum() / image.square().sum()
        columns.append(torch.cat([1.5 * scaled, 4 * (scaled - truth).abs()]) / truth.max())
    return torch.cat(columns, 1).clamp(0, 1)[None]


if __name__ == "__main__":
    main()
