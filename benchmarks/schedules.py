"""How much CPU time does `evidence` take, and how much the paper's schedule? Side by side on the same images.

    OMP_NUM_THREADS=1 python -m benchmarks.schedules

One schedule a class: ten restarts of as many steps as the paper prints for it (Section 4.3: MNIST 1,500,
SVHN 6,000, CelebA 10,000), by `altgd` with the shipped priors, all restarts in one batch. The
steps of a schedule are alike, so that only a few of them are timed:

    schedule ≈ printed steps · (t(base + few) − t(base)) / few

which leaves out what comes before the first step and after the last. `evidence` is timed whole, on the same
measurements. Their images are drawn from the class's Gaussian prior and blurred by camera shakes: neither
solver stops early, so the time is that of any image. How well both do is in `invkit bench asim2020`.

The two take turns, image by image, so that a busy machine slows both alike. Figures are medians of CPU time.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Iterator
from typing import Any

import attrs
import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from invkit.errors import InvkitWarning
from invkit_experiments.studies.paper import FACES_PRINTED, NUMBERS_PRINTED, PAPER

BAR = 30.0
"""How many times less CPU time than the schedule `evidence` is to take."""

DECODER = "vae:shake?flow=false"
"""The kernel prior of the schedules: the paper's, whose latents are N(0, I) as they are."""

BASE, NOISE = 3, 0.01
"""Steps of the shorter of the two timed descents; the noise's standard deviation."""


DIGITS_PRINTED = "rate=0.01,decay=exponential,decay_steps=250,weight_w=0.1,weight_x=0.1"
"""MNIST: steps of 0.01·exp(−t/250), λ = γ = 0.1 (Section 4.3)."""


@attrs.frozen
class Class:
    """A class of images: priors for both solvers, and the schedule that the paper prints."""

    name: str
    gaussian: str
    network: str
    schedule: str
    printed: int

    def draw(self, images: int) -> Tensor:
        """Blurred images of the class, always the same."""
        prior, rng = invkit.prior(self.gaussian), torch.Generator().manual_seed(0)
        x: Tensor = prior(prior.sample_latent(images, rng)).clamp(0, 1)
        w = invkit.dataset("shake").take(torch.arange(images), "validation")
        y: Tensor = invkit.operator("circconv")(w, x)
        return y + NOISE * torch.randn(y.shape, generator=rng)

    def descent(self, steps: int) -> Any:
        """So many steps of the printed schedule."""
        solver = f"{PAPER},{self.schedule},steps={steps}"
        return invkit.compose("circconv", [DECODER, self.network], solver)


CLASSES = (
    Class("MNIST", "gaussian:mnist", "vae:mnist", DIGITS_PRINTED, 1_500),
    Class(
        "SVHN",
        "gaussian:housenumbers",
        "vae:housenumbers",
        NUMBERS_PRINTED.removeprefix("steps=6000,"),
        6_000,
    ),
    Class("CelebA", "gaussian:celeba", "gan:celeba", FACES_PRINTED.removeprefix("steps=10000,"), 10_000),
)


def seconds(pipeline: Any, y: Tensor) -> float:
    """CPU time of one image."""
    start = time.process_time()
    pipeline(y)
    return time.process_time() - start


def measure(of: Class, images: int, steps: int, solver: str, kernels: str) -> dict[str, Any]:
    """Every figure of a class, as plain data."""
    searched = invkit.compose("circconv", [kernels, of.gaussian], solver)
    short, long = of.descent(BASE), of.descent(BASE + steps)
    found, descended = list[float](), list[float]()
    for number, y in enumerate((of.draw(images + 1)).split(1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InvkitWarning)  # stopped early: only the time counts
            took, before, after = (seconds(each, y) for each in (searched, short, long))
        if number:  # the first image warms caches and plans up
            found.append(took)
            descended.append(max(after - before, 0.0) / steps)
    whole, step = statistics.median(found), statistics.median(descended)
    return {
        "class": of.name,
        "images": images,
        "evidence": f"{solver}, {kernels}, {of.gaussian}",
        "schedule": f"{PAPER},{of.schedule}, {DECODER}, {of.network}",
        "seconds an image, evidence": whole,
        "steps timed": steps,
        "seconds a step of the schedule": step,
        "steps printed": of.printed,
        "seconds an image, schedule": step * of.printed,
        "ratio": step * of.printed / whole,
        "ratio asked for, at least": BAR,
    }


@reported
@click.option("--images", default=5, show_default=True, help="Images a class.")
@click.option("--steps", default=20, show_default=True, help="Steps of the schedule that are timed.")
@click.option("--class", "only", type=click.Choice([each.name for each in CLASSES]), help="Only this class.")
@click.option("--solver", default="evidence", show_default=True, help="What is timed against the schedule.")
@click.option("--kernels", default="trajectory", show_default=True, help="Its prior of kernels.")
def main(images: int, steps: int, only: str | None, solver: str, kernels: str) -> Iterator[Report]:
    """Time evidence against the paper's schedule, class by class."""
    return (measure(of, images, steps, solver, kernels) for of in CLASSES if only in (None, of.name))


if __name__ == "__main__":
    main()
