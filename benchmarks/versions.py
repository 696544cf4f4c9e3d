"""How much CPU time does `evidence` take an image, beside another version of invkit?

    python -m benchmarks.versions --other /path/to/environment/bin/python

The other interpreter has a version of its own and needs no benchmarks; it is started without PYTHONPATH. An
environment for a tag or a commit is made so (torch for a CPU first, as the README says):

    mkdir old && git archive 30b2ef7 | tar -x -C old    # some 0.1.0
    python3.11 -m venv other && other/bin/pip install -c constraints.txt ./old

Both solve the same measurements, one after the other: faces of CelebA's validation split and crops of SVHN
houses that no prior was fitted to, under kernels of the validation split of `shake`, by `evidence` with the
priors of the methods `faces` and `house-numbers`. Loading is timed apart. Each interpreter has one thread.
Figures are medians and sums of CPU time, and the mean PSNR of both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import click
import numpy as np
import torch

from benchmarks._measuring import Report, reported
from invkit.metrics import psnr
from invkit_experiments.inputs.drawn import Drawn

CLASSES = {"faces": "celeba", "house-numbers": "svhn-houses?sharpness=10.3"}
"""Methods, and the data sets of their images."""


WORKER = Path(__file__).with_name("_worker.py")
"""The program that both interpreters run."""


@attrs.define
class Solving:
    """An interpreter that solves by a method.

    Args:
        python: its path.
        method: the name.
        folder: for measurements and images.
        ours: whether it finds what this interpreter finds on PYTHONPATH.
    """

    python: str
    method: str
    folder: Path
    ours: bool
    _process: subprocess.Popen[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if self.ours or name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [self.python, str(WORKER), self.method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept | {"OMP_NUM_THREADS": "1"},
            cwd=self.folder,
        )

    def loaded(self, y: Path) -> float:
        """CPU seconds until the first image may come."""
        return self._told(f"{y}\n")

    def solved(self, y: Path) -> tuple[float, torch.Tensor]:
        """CPU seconds of a measurement, and its image."""
        target = self.folder / f"{y.stem}-{int(self.ours)}.npy"
        return self._told(f"{y}\t{target}\n"), torch.from_numpy(np.load(target))

    def __enter__(self) -> Solving:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError), self._process:  # its streams are closed, and it ends
            pass

    def _told(self, line: str) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise click.ClickException(f"{self.python} has ended: see what it says above")
        return float(answer)


def pair() -> tuple[list[float], list[float]]:
    """Figures of ours and of the other."""
    return [], []


def measure(method: str, images: int, other: str, folder: Path) -> dict[str, Any]:
    """Every figure of a class, as plain data."""
    source = Drawn(CLASSES[method], "validation", "shake", apart=True)
    loaded, took, levels = list[float](), pair(), pair()
    with (
        Solving(sys.executable, method, folder, True) as ours,
        Solving(other, method, folder, False) as theirs,
    ):
        both = (ours, theirs)
        for index in range(images):
            one = source.one(index, 0)
            y = folder / f"{method}-{index}.npy"
            np.save(y, one.y.numpy())
            if not index:
                loaded = [each.loaded(y) for each in both]
            for number, each in enumerate(both):
                seconds, x = each.solved(y)
                took[number].append(seconds)
                levels[number].append(float(psnr(x, one.x)))
    gains = [new - old for new, old in zip(*levels, strict=True)]
    ratios = [old / new for new, old in zip(*took, strict=True)]
    return {
        "method": method,
        "images": images,
        "CPU s an image, ours, median": statistics.median(took[0]),
        "CPU s an image, the other, median": statistics.median(took[1]),
        "the other's over ours, median": statistics.median(ratios),
        "the other's over ours, in all": sum(took[1]) / sum(took[0]),
        "CPU s of loading, ours": loaded[0],
        "CPU s of loading, the other": loaded[1],
        "PSNR, ours": statistics.mean(levels[0]),
        "PSNR, the other": statistics.mean(levels[1]),
        "PSNR gained, standard error": statistics.stdev(gains) / len(gains) ** 0.5,
        "images that lose more than 3 dB": sum(gain < -3 for gain in gains),
        "images that gain more than 3 dB": sum(gain > 3 for gain in gains),
    }


@reported
@click.option("--other", required=True, help="Path of the other version's interpreter.")
@click.option("--images", default=5, show_default=True, type=click.IntRange(2), help="Images a class.")
@click.option("--method", "only", type=click.Choice(list(CLASSES)), help="Only this class.")
def main(other: str, images: int, only: str | None) -> Iterator[Report]:
    """Time evidence against another version of invkit, image by image."""
    with tempfile.TemporaryDirectory() as folder:
        for method in CLASSES:
            if only in (None, method):
                yield measure(method, images, other, Path(folder))


if __name__ == "__main__":
    main()
