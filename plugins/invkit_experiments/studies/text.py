"""``invkit bench text``: pages of text through camera shakes, with noise.

    TEXT.run(Settings(20), Kept(Path("out"))).rows

Pages are drawn by a program (data set ``pages``), those of the validation half. Every estimate is moved by
quarter pixels to where it fits best, within ±5, and 15 pixels of border are left out. A result more than 3 dB
below that with the true kernel is *short*; *flagged* are those that the method calls doubtful or sharp.
"""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from invkit.metrics import kernel_ncc_modulo_shift, psnr, shift_align
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Blurry, Found, Method
from invkit_experiments.engine.scores import Over, median, plain, total, worst
from invkit_experiments.engine.solve import Named
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column
from invkit_experiments.studies.photographs import FLAGS

__all__ = ["SHORT_BY", "TEXT"]

#: more dB than this below the same method with the true kernel, and a result is short
SHORT_BY = 3.0

SOURCE = Drawn("pages?size=288", "validation", "shake?size=25,shortest=9", sigma=0.01)
KNOWN = Named("known", "the method text with the true kernel: not blind", "text", known=True)
METHODS: tuple[Method, ...] = (
    Blurry(),
    Named("photographs", "the method photographs, told nothing", "photographs"),
    Named("text", "the method text, told nothing", "text"),
    KNOWN,
)


def against_known(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """The figures of a page: all modulo shift, borders left out."""
    moved = shift_align(found.x, one.x)
    level, flagged = psnr(moved.estimate, moved.truth), found.status in FLAGS
    short = not float(level) >= float(_with_true_kernel(one)) - SHORT_BY
    return plain({"psnr": level}, found) | {
        "short": float(short),
        "missed": float(short and not flagged),
        "false_alarm": float(flagged and not short),
        "ncc": None if found.w is None else float(kernel_ncc_modulo_shift(found.w, one.w)),
    }


@lru_cache(maxsize=64)
def _with_true_kernel(one: Measured) -> Tensor:
    moved = shift_align(KNOWN.recover(one, SOURCE, Settings(1), 0).x, one.x)
    return psnr(moved.estimate, moved.truth)


TEXT = Study(
    name="text",
    title="pages of text through camera shakes",
    count=20,
    quick=(1, 1),
    shown=4,
    kernels_shown=True,
    columns=(
        Column("images", "images", "d"),
        Over("psnr", "PSNR mod. shift", ".2f", of="psnr"),
        Over("psnr_worst", "worst", ".2f", of="psnr", by=worst),
        Over("short", "short", ".0f", of="short", by=total),
        Over("missed", "short, not flagged", ".0f", of="missed", by=total),
        Over("false_alarm", "flagged, not short", ".0f", of="false_alarm", by=total),
        Over("ncc", "NCC mod. shift", ".3f", of="ncc"),
        Over("seconds_median", "median s", ".1f", of="seconds", by=median),
    ),
    cases=(
        Case("text", "pages, shakes up to 25 pixels, 1 % noise", SOURCE, METHODS, {}, against_known),
    ),
)
