"""Does ``evidence`` know when it has failed? Blurred faces, the flagged against those that fell short.

    python -m benchmarks.confidence --images 200 --out invkit-bench
    python -m benchmarks.confidence --calibrate --out invkit-bench

Validation faces, camera-shake kernels, noise of σ = 0.01, every other measurement rounded to 8 bits. An
image has fallen *short* where it is more than 3 dB below its oracle, the same prior with the true kernel.
Printed is how many are short, how many of these are ``doubtful``, and how many of the rest are.

``--calibrate`` prints the constants of :mod:`invkit_evidence.confidence`, logistic regression on other faces
and other kernels: of the order of the validation faces, the first 580 are for calibration, with kernels of
the validation split, and for development; the last 200 are reported, with kernels of the test split.
Searches by default settings seldom fail, so half of the calibration's have few starts.

Every image is kept in the folder ``--out`` when it is finished; after Ctrl-C only the missing are measured. A
solver whose code has changed is not noticed: remove ``OUT/confidence`` then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import one_thread
from invkit.contracts.problem import Problem
from invkit.metrics import psnr
from invkit_evidence.confidence import Signs, features
from invkit_evidence.evidence import Evidence
from invkit_experiments.engine.kept import Kept
from invkit_experiments.inputs.sources import prior

OPERATOR, KERNELS, IMAGES = "circconv", "trajectory", "gaussian:celeba"
SHORT = 3.0
"""In dB below the oracle."""
RESERVED = 580
"""Faces for calibration and development, the first of the order."""
ORDER_SEED, NOISE_SEED, SIGMA = 99, 10_000, 0.01
FEW = "evidence?starts=24,keep=8x4x2,leaps=0,retries=0"
CALIBRATION: Sequence[tuple[str, range]] = ((FEW, range(110)), ("evidence", range(110, 220)))
"""Solvers, and the numbers of the faces that each is calibrated on."""
RIDGE = 0.005
"""Weight of the penalty on the slopes, in standard deviations of the signs; the loss is a mean."""


@attrs.frozen
class Cell:
    """One image: what it lacks against its oracle in dB, what the solver said, and the signs."""

    short: float
    psnr: float
    status: str
    confidence: float
    signs: Signs

    @property
    def failed(self) -> bool:
        """Whether it lacks more than 3 dB."""
        return self.short > SHORT


def measurement(index: int, split: str) -> tuple[Tensor, Tensor, Tensor]:
    """The sharp face, the kernel of a split and the measurement of a number."""
    faces, kernels = invkit.dataset("celeba"), invkit.dataset("shake")
    order = torch.randperm(faces.splits["validation"], generator=torch.Generator().manual_seed(ORDER_SEED))
    x = faces.take(order[index : index + 1], "validation")
    w = kernels.take(torch.tensor([(7 * index + 11) % kernels.splits[split]]), split)
    y: Tensor = invkit.operator(OPERATOR)(w, x)
    y = y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(NOISE_SEED + index))
    return x, w, (255 * y).round().clamp(0, 255) / 255 if index % 2 else y


def measure(index: int, split: str, solver: str) -> dict[str, Any]:
    """One image, as plain data."""
    x, w, y = measurement(index, split)
    made = _judging(solver)
    problem = Problem(invkit.operator(OPERATOR), (prior(KERNELS), prior(IMAGES)))
    solution, signs = made.searched(problem, y, torch.Generator().manual_seed(index))
    if invkit.Status.INTERRUPTED in solution.status:
        raise KeyboardInterrupt
    oracle = invkit.compose(OPERATOR, [invkit.Given(w[0]), prior(IMAGES)], "evidence?steps=40,doubt=0")(y)
    found, best = (float(psnr(each.x, x)) for each in (solution, oracle))
    return {"short": best - found, "psnr": found, "signs": attrs.asdict(signs[0])}


def cells(numbers: Sequence[int], split: str, solver: str, kept: Kept) -> Iterator[Cell]:
    """Every image, measured or read; what the solver says of it is always said anew."""
    from invkit_evidence.confidence import confidence

    doubt = invkit.solver(solver).after.doubt  # type: ignore[attr-defined]
    for index in numbers:
        identity = {"index": index, "split": split, **_identity(solver)}
        row = kept.read("confidence", f"face-{index:03d}", identity)
        if row is None:
            row = measure(index, split, solver)
            kept.write("confidence", f"face-{index:03d}", identity, row)
        signs = Signs(**row["signs"])
        sure = confidence(signs)
        yield Cell(row["short"], row["psnr"], "doubtful" if sure < doubt else "max_iter", sure, signs)


def fit(found: Sequence[Cell]) -> tuple[float, list[float]]:
    """The constant and the weights of the signs: logistic regression by Newton's method."""
    values = torch.tensor([features(cell.signs) for cell in found], dtype=torch.float64)
    mean, scale = values.mean(0), values.std(0).clamp(min=1e-12)
    design = torch.cat([torch.ones(len(found), 1, dtype=torch.float64), (values - mean) / scale], 1)
    failed = torch.tensor([float(cell.failed) for cell in found], dtype=torch.float64)
    weights = torch.zeros(design.shape[1], dtype=torch.float64)
    ridge = torch.full_like(weights, 2 * RIDGE * len(found))
    ridge[0] = 0
    for _ in range(50):
        p = torch.sigmoid(design @ weights)
        slope = design.T @ (p - failed) + ridge * weights
        hessian = design.T @ ((p * (1 - p))[:, None] * design) + ridge.diag()
        weights = weights - torch.linalg.solve(hessian, slope)
    a = weights[1:] / scale
    return float(weights[0] - (a * mean).sum()), a.tolist()


def figures(found: Sequence[Cell]) -> dict[str, Any]:
    """What is to be shown, as plain data."""
    short = [cell for cell in found if cell.failed]
    rest = [cell for cell in found if not cell.failed]
    pairs = [(a.confidence, b.confidence) for a in short for b in rest]
    order = sum((a < b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else math.nan
    return {
        "images": len(found),
        "short": len(short),
        "flagged of the short": sum(cell.status == "doubtful" for cell in short),
        "flagged of the rest": sum(cell.status == "doubtful" for cell in rest),
        "a short image is less sure than another": order,
        "expected to be short": sum(1 - cell.confidence for cell in found),
        "PSNR": sum(cell.psnr for cell in found) / len(found),
        "worst": min(cell.psnr for cell in found),
    }


@click.command()
@click.option("--images", default=200, show_default=True, type=click.IntRange(min=1), help="Reported faces.")
@click.option("--calibrate", is_flag=True, help="Fit the constants, on other faces, instead.")
@click.option("--out", default="invkit-bench", show_default=True, type=click.Path(path_type=Path))
def main(images: int, calibrate: bool, out: Path) -> None:
    """Measure how well ``evidence`` knows when it has failed."""
    one_thread()
    kept, found = Kept(out), list[Cell]()
    sets = CALIBRATION if calibrate else (("evidence", range(RESERVED, RESERVED + images)),)
    for solver, numbers in sets:
        for cell in cells(numbers, "validation" if calibrate else "test", solver, kept):
            found.append(cell)
            if cell.failed or cell.status == "doubtful":
                click.echo(f"image {len(found) - 1}: {cell.short:.1f} dB short, {cell.confidence:.2f} sure")
    if calibrate:
        constant, weights = fit(found)
        click.echo(f"constant {constant:.3g}, weights {', '.join(f'{weight:.3g}' for weight in weights)}")
    for name, value in figures(found).items():
        click.echo(f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}")


def _judging(solver: str) -> Evidence:
    """The solver with a fixed least confidence: signs do not depend on it."""
    made = invkit.solver(solver, doubt=1)
    assert isinstance(made, Evidence)
    return made


@cache
def _identity(solver: str) -> Mapping[str, Any]:
    """All but the number; the solver by its options."""
    pipeline = invkit.compose(OPERATOR, [KERNELS, IMAGES], _judging(solver))
    data = {name: invkit.dataset(name).fingerprint() for name in ("celeba", "shake")}
    return {"pipeline": pipeline.to_config(), "data": data}


if __name__ == "__main__":
    main()
