"""``invkit bench photographs``: pictures of BSDS500, blurred in eleven ways or not at all.

    PHOTOGRAPHS.run(Settings(60), Kept(Path("out"))).rows

``--images`` counts the inputs of all kinds together. They are dealt to the kinds in turn, and each has a
picture of its own. The pictures are those of the validation half, which nothing is tuned on;
``photographs-train`` is the same on the training half, with other kernels, to tune on.

All figures are of luma (ITU-R BT.601). An estimate is moved by quarter pixels to where it fits best, within
±5, and 15 pixels of border are left out. The *oracle* is the better of two last steps with the true kernel,
`tv` and the method's own:

- a result is *worse* if it is more than 0.3 dB below its input;
- it is *flagged* if its status is doubtful, sharp or diverged, and *missed* if it is worse and not flagged;
- a flag is a *false alarm* if the picture was blurred and the result is within 1.5 dB of the oracle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.metrics import ShiftAligned, kernel_ncc_modulo_shift, psnr, shift_align, ssim
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Blurry, Found, Method
from invkit_experiments.engine.peers import BlindRL, RichardsonLucy, UnsupervisedWiener
from invkit_experiments.engine.scores import Over, finite, mean_known, median, plain, total
from invkit_experiments.engine.solve import TRUE_KERNEL, Named, Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.photographs import Photographs, Split
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column

__all__ = ["FLAGS", "KINDS", "PHOTOGRAPHS", "PHOTOGRAPHS_TRAIN", "aligned", "photograph_scores"]

#: more dB than this below its input, and a result is worse than it
WORSE_BY = 0.3
#: a result within so many dB of the oracle is no reason for an alarm
GOOD_WITHIN = 1.5
#: relative error of a radius or a width that counts as right
RADIUS_WITHIN = 0.1
FLAGS = frozenset({"doubtful", "sharp", "diverged"})
#: what an unchanged picture counts as, in dB to the input
_UNCHANGED = 99.0


def shakes(size: int) -> str:
    """Camera shakes whose length is 80 to 100 % of the kernel's side."""
    return f"shake?size={size},shortest={round(0.8 * size)}"


#: kind → its title, its kernels, its noise and its JPEG quality
KINDS: Mapping[str, tuple[str, str | None, tuple[float, float], int | None]] = {
    "shake-13": ("shakes of 13 pixels, 1 % noise", shakes(13), (0.01, 0.01), None),
    "shake-21": ("shakes of 21 pixels, 1 % noise", shakes(21), (0.01, 0.01), None),
    "shake-31": ("shakes of 31 pixels, 1 % noise", shakes(31), (0.01, 0.01), None),
    "shake-45": ("shakes of 45 pixels, 1 % noise", shakes(45), (0.01, 0.01), None),
    "noise-0.5": ("shakes of 21 pixels, 0.5 % noise", shakes(21), (0.005, 0.005), None),
    "noise-3": ("shakes of 21 pixels, 3 % noise", shakes(21), (0.03, 0.03), None),
    "noise-5": ("shakes of 21 pixels, 5 % noise", shakes(21), (0.05, 0.05), None),
    "disk": ("out of focus, radius 2 to 6, 1 % noise", "disk?size=15,low=2,high=6", (0.01, 0.01), None),
    "gaussian": ("Gaussian, σ from 1 to 3, 1 % noise", "gaussian?size=25,low=1,high=3", (0.01, 0.01), None),
    "motion": (
        "straight motion of 10 to 25 pixels, 1 % noise",
        "motion?size=27,length=25,shortest=10",
        (0.01, 0.01),
        None,
    ),
    "jpeg": ("shakes of 21 pixels, 1 % noise, JPEG of quality 75", shakes(21), (0.01, 0.01), 75),
    "sharp": ("not blurred, 0.5 to 1 % noise", None, (0.005, 0.01), None),
}

ORACLES: tuple[Method, ...] = (
    Solve("tv", "total variation with the true kernel: not blind", "tv", (TRUE_KERNEL, "identity")),
    Named("last-step", "the method photographs with the true kernel: not blind", "photographs", known=True),
)
METHODS: tuple[Method, ...] = (
    Blurry(),
    Named("photographs", "the method photographs, told nothing", "photographs"),
    Solve(
        "darkprior",
        "dark channel prior alone, told nothing",
        "darkprior",
        ("blind", "darkchannel"),
        hurried_by="rounds",
    ),
    *ORACLES,
    RichardsonLucy("skimage-rl", "scikit-image's Richardson–Lucy with the true kernel"),
    UnsupervisedWiener("skimage-wiener", "scikit-image's unsupervised Wiener with the true kernel"),
    BlindRL("deepinv-blindrl", "deepinv's blind Richardson–Lucy, told the size of the kernel"),
)


def photograph_scores(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """The figures of a photograph; None where one has no meaning for it."""
    moved, blurred = aligned(found.x, one.x), one.kernel_size > 1
    level, before, oracle = float(psnr(moved.estimate, moved.truth)), *_marks(one)
    gain, short = finite(level - before), finite(oracle - level)
    worse, flagged = not level >= before - WORSE_BY, found.status in FLAGS
    figures: dict[str, float | None] = {
        "gain": gain,
        "gain_flagged": gain if flagged else None,
        "worse": float(worse),
        "missed": float(worse and not flagged),
        "flagged": float(flagged),
        "false_alarm": float(flagged and blurred and level >= oracle - GOOD_WITHIN),
        "short": short,
        "short_unflagged": None if flagged else short,
        "to_input": None if blurred else min(_UNCHANGED, float(psnr(found.x, one.y))),
        "ncc": None if found.w is None else finite(float(kernel_ncc_modulo_shift(found.w, one.w))),
        "size_error": _size_error(found, one),
    }
    scored = {"psnr": psnr(moved.estimate, moved.truth), "ssim": ssim(moved.estimate, moved.truth)}
    return plain(scored, found) | figures


@lru_cache(maxsize=4)
def _marks(one: Measured) -> tuple[float, float]:
    """PSNR of the input and of the oracle, found once for the methods that stand side by side."""
    source, settings = Photographs("validation", None), Settings(1)
    known = [oracle.recover(one, source, settings, 0).x for oracle in ORACLES]
    moved = [aligned(each, one.x) for each in (one.y, *known)]
    before, *reached = (float(psnr(each.estimate, each.truth)) for each in moved)
    return before, max(reached)


def aligned(estimate: Float[Tensor, "1 c h w"], truth: Float[Tensor, "1 c h w"]) -> ShiftAligned:
    """The protocol of `shift_align` on luma: by whole pixels first, then by quarters about the best of them.

    All 1,681 shifts of a picture of 481 × 321 pixels would take longer than some methods.
    """
    estimate, truth = _luma(estimate), _luma(truth)
    whole = shift_align(estimate, truth, step=1).shift[0].nan_to_num(0)  # an image with NaN has no shift
    down, right = (int(shift) for shift in whole)
    return shift_align(estimate.roll((-down, -right), (2, 3)), truth, reach=1)


def _luma(image: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 1 h w"]:
    weights = image.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return image if image.shape[1] == 1 else (weights * image).sum(1, keepdim=True)


def _size_error(found: Found, one: Measured) -> float | None:
    """Relative error of a radius or a width, where the method says one and the true kernel has one."""
    family = str(found.notes.get("family", "")).partition("?")[0].removesuffix("-blur")
    said: Any = found.notes.get({"disk": "radius", "gaussian": "sigma"}.get(family, ""))
    true = true_size(family, one.w)
    return None if said is None or true is None else finite(abs(float(said) / true - 1))


def true_size(family: str, w: Float[Tensor, "1 1 k k"]) -> float | None:
    """The radius of a disk or the width of a Gaussian, exact, from the middle of its kernel of odd size.

    A disk's middle pixel is 1 / (π r²), and a Gaussian's ratio to the next pixel exp(1 / 2σ²). None for
    another family, or a kernel that is not of it.
    """
    size = w.shape[-1]
    row = w[0, 0, size // 2, size // 2 :].double()
    if size < 3 or row[1] <= 0:
        return None
    ratio = float(row[0] / row[1])
    if family == "disk" and math.isclose(ratio, 1, rel_tol=1e-4):
        return math.sqrt(1 / (math.pi * float(row[0])))
    if family == "gaussian" and ratio > 1:
        return math.sqrt(0.5 / math.log(ratio))
    return None


def within(errors: Tensor) -> float | None:
    """Share of the errors that are at most 10 %, of those that are known."""
    return mean_known(torch.where(errors.isnan(), errors, (errors <= RADIUS_WITHIN).double()))


def _case(kind: str, split: Split) -> Case:
    title, kernels, noise, jpeg = KINDS[kind]
    source = Photographs(split, kernels, noise, jpeg, turn=list(KINDS).index(kind), turns=len(KINDS))
    return Case(kind, title, source, METHODS, score=photograph_scores)


def _study(name: str, split: Split) -> Study:
    return Study(
        name=name,
        title=f"pictures of BSDS500's {split} half, blurred in eleven ways or not at all",
        count=60,
        quick=(1, 1),
        shown=1,
        kernels_shown=True,
        mixed=True,
        kept_side=192,
        columns=(
            Column("images", "images", "d"),
            Over("psnr", "PSNR of luma mod. shift", ".2f", of="psnr"),
            Over("ssim", "SSIM mod. shift", ".3f", of="ssim"),
            Over("gain", "gain over the input", "+.2f", of="gain"),
            Over("short", "below the oracle", ".2f", of="short"),
            Over("short_unflagged", "the same where not flagged", ".2f", of="short_unflagged", by=mean_known),
            Over("worse", "worse than the input", ".0f", of="worse", by=total),
            Over("missed", "of these not flagged", ".0f", of="missed", by=total),
            Over("flagged", "flagged", ".0f", of="flagged", by=total),
            Over("false_alarms", "false alarms", ".0f", of="false_alarm", by=total),
            Over("gain_flagged", "gain where flagged", "+.2f", of="gain_flagged", by=mean_known),
            Over("to_input", "not blurred: PSNR to the input", ".1f", of="to_input", by=mean_known),
            Over("ncc", "kernel NCC mod. shift", ".3f", of="ncc", by=mean_known),
            Over("size_error", "error of radius or σ", ".1%", of="size_error", by=mean_known),
            Over("size_within", "radius or σ within 10 %", ".0%", of="size_error", by=within),
            Over("cpu", "CPU s", ".1f", of="cpu"),
            Over("cpu_median", "median CPU s", ".1f", of="cpu", by=median),
        ),
        printed_in="",
        cases=tuple(_case(kind, split) for kind in KINDS),
    )


PHOTOGRAPHS = _study("photographs", "validation")
PHOTOGRAPHS_TRAIN = _study("photographs-train", "train")
