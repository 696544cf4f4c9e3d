"""``invkit bench confidence``: does a method that begins with ``evidence`` know when it has failed?

    CONFIDENCE.run(Settings(60), Kept(Path("out"))).rows

An image has fallen *short* where it is more than 3 dB below the one that the same method gives with the true
kernel. The table says how many are, how many of these are ``doubtful``, and how many of the others. Images
and kernels are none that a prior was fitted to or calibrated on (``invkit calibrate``, which takes those from
the other end of the same partitions).
"""

from __future__ import annotations

from invkit_experiments.engine.judged import Judged, judged_scores
from invkit_experiments.engine.scores import Over, total
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.output.tables import Column

__all__ = ["COLUMNS", "CONFIDENCE"]

KERNELS = "trajectory"
COLUMNS = (
    Column("images", "images", "d"),
    Over("short", "short", ".0f", of="short", by=total),
    Over("flagged_short", "of these doubtful", ".0f", of="flagged_short", by=total),
    Over("flagged_other", "of the others doubtful", ".0f", of="flagged_other", by=total),
    Over("psnr", "PSNR", ".2f", of="psnr"),
    Over("oracle", "with the true kernel", ".2f", of="oracle"),
    Over("cpu", "CPU s", ".1f", of="cpu"),
)
"""The columns of this study's table, and of a calibration's."""


def _case(name: str, title: str, images: str, split: str, prior: str, method: str = "") -> Case:
    """A class, by its method, or by ``evidence`` alone where it has none."""
    label = f"method {method}" if method else f"{KERNELS} and {prior}"
    judged = Judged("evidence", label, "" if method else "evidence", (KERNELS, prior), method)
    return Case(name, title, Drawn(images, split, "shake"), (judged,), score=judged_scores)


CONFIDENCE = Study(
    name="confidence",
    title="results that fell short, and those that were doubted",
    count=60,
    quick=(1, 10),
    printed_in="",
    columns=COLUMNS,
    cases=(
        _case("faces", "CelebA validation faces", "celeba", "validation", "gaussian:celeba", "faces"),
        _case(
            "house-numbers",
            "sharp SVHN crops of houses not fitted to",
            "svhn-houses?sharpness=10.3",
            "validation",
            "gaussian:svhn",
            "house-numbers",
        ),
        _case("shoes", "shoes not fitted to", "shoes", "validation", "bounded:gaussian:shoes", "shoes"),
        _case("objects", "synthetic things", "objects", "validation", "bounded:gaussian:objects", "objects"),
        _case("digits", "MNIST test digits", "mnist", "test", "gaussian:mnist"),
    ),
)
"""Confidence of ``evidence`` against what fell short."""
