"""``invkit bench coverage``: do intervals of the posterior hold the truth as often as they say?

    COVERAGE.run(Settings(20), Kept(Path("out"))).rows

Of every measurement fifty draws of kernel and image are made. A number's 90 % interval is from the 5 to the
95 % quantile of its draws; *coverage* is the share of numbers whose interval holds the truth, 90 % where the
posterior keeps its promise. Entries of a kernel count where the truth, or one in twenty draws at least, has
more than a ten-thousandth of the kernel's mass: the rest is zero in both.

``held`` is given the true kernel: what its intervals miss is the image prior's fault alone.

Images and kernels are those that no prior was fitted to; noise of σ = 0.01, which is not told. The power of
the likelihood (:mod:`invkit_evidence.chains`) was chosen on a dozen house numbers and five faces of the same
partitions, under other kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.errors import InputError
from invkit.metrics import psnr
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.engine.scores import Over, mean_known, plain
from invkit_experiments.engine.solve import TRUE_KERNEL, Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column

__all__ = ["COVERAGE", "coverage_scores", "covered"]

DRAWS = 50
LEVEL = 0.9
KERNELS = "trajectory"
_LEAST_MASS = 1e-4
_SELDOM = 0.05
#: single precision: a zero in all draws holds a zero
_ROUNDING = 1e-7


def covered(draws: Tensor, truth: Tensor, level: float = LEVEL) -> Tensor:
    """Whether the interval of each number of ``truth`` holds it: quantiles of ``draws`` (draws, *truth)."""
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=draws.dtype, device=draws.device)
    low, high = torch.quantile(draws.flatten(1), tails, dim=0).reshape(2, *truth.shape)
    return (truth >= low - _ROUNDING) & (truth <= high + _ROUNDING)


def coverage_scores(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """Coverage of an image's pixels and of its kernel's entries, the widths of intervals, and the PSNR."""
    if found.samples is None:
        raise InputError("coverage needs draws from the posterior", hint="ask for evidence?draws=50")
    w, x = found.samples.w, found.samples.x
    figures = {
        "psnr": psnr(found.x, one.x),
        "mean_psnr": psnr(x.mean(0), one.x),
        "pixels": covered(x, one.x).double().mean(),
        "deviation": x.std(0).mean(),
    }
    if found.w is not None:
        there = (one.w > _LEAST_MASS) | ((w > _LEAST_MASS).double().mean(0) > _SELDOM)
        figures["entries"] = covered(w, one.w)[there].double().mean()
    return plain(figures, found)


def _methods(prior: str) -> tuple[Method, ...]:
    solver = f"evidence?draws={DRAWS}"
    return (
        Solve("evidence", f"kernel and image unknown, {KERNELS} and {prior}", solver, (KERNELS, prior)),
        Solve("held", f"{prior}, true kernel: not blind", solver, (TRUE_KERNEL, prior)),
    )


COVERAGE = Study(
    name="coverage",
    title="90 % intervals of the posterior against the truth",
    count=20,
    quick=(1, 10),
    printed_in="",
    columns=(
        Column("images", "images", "d"),
        Over("pixels", "pixels covered", ".3f", of="pixels"),
        Over("entries", "kernel entries covered", ".3f", of="entries", by=mean_known),
        Over("deviation", "mean deviation of a pixel", ".4f", of="deviation"),
        Over("psnr", "PSNR", ".2f", of="psnr"),
        Over("mean_psnr", "PSNR of the mean of draws", ".2f", of="mean_psnr"),
        Over("cpu", "CPU s", ".1f", of="cpu"),
    ),
    cases=tuple(
        Case(
            name,
            f"{title}, camera shakes",
            Drawn(images, split, "shake"),
            _methods(prior),
            score=coverage_scores,
        )
        for name, title, images, split, prior in (
            ("faces", "CelebA validation faces", "celeba", "validation", "gaussian:celeba"),
            (
                "house-numbers",
                "sharp SVHN crops of houses not fitted to",
                "svhn-houses?sharpness=10.3",
                "validation",
                "gaussian:svhn",
            ),
            ("digits", "MNIST test digits", "mnist", "test", "gaussian:mnist"),
        )
    ),
)
"""Coverage by the posterior of ``evidence``."""
