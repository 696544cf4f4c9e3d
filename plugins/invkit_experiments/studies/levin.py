"""``invkit bench levin``: Levin's images 1 and 2, each through eight real camera shakes, 255 × 255 pixels.

    LEVIN.run(Settings(4), Kept(Path("out"))).rows

Every estimate is moved by quarter pixels to where it fits best, within ±5, and 15 pixels of border are
left out. Its error is set against that of ``known``, the dark prior's own last step with the true kernel:
the *error ratio*, by Levin's definition (squares) and by that of published tables (spectral); see
`invkit.metrics`. Above 3 by Levin's a result counts as failed.

The printed figures are means over all 32 pairs of the set, four images; ours are over the 16 at hand.
They are not like for like, and the last steps differ, too. Published methods are told the size of the
kernel; ``photographs`` and ``darkprior-untold`` are not.
"""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from invkit.metrics import (
    ShiftAligned,
    kernel_ncc_modulo_shift,
    psnr,
    shift_align,
    spectral_error_ratio,
    squared_error_ratio,
    ssim,
)
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Blurry, Found
from invkit_experiments.engine.scores import Over, median, plain, worst
from invkit_experiments.engine.solve import TRUE_KERNEL, Named, Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.levin_pairs import LevinPairs
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column
from invkit_experiments.studies.paper import oracle

__all__ = ["FAILED_ABOVE", "LEVIN"]

#: the error ratio, of squares, above which Levin and others call a result a failure
FAILED_ABOVE = 3.0

DARK = Solve(
    "darkprior",
    "dark channel prior, told the size of the kernel file",
    "darkprior",
    ("blind?size={size}", "darkchannel"),
    hurried_by="rounds",
)
UNTOLD = Solve(
    "darkprior-untold",
    "dark channel prior, not told the size",
    "darkprior",
    ("blind", "darkchannel"),
    hurried_by="rounds",
)
PHOTOGRAPHS = Named("photographs", "the method photographs, not told the size", "photographs")
TOLD = Named(
    "photographs-told", "the method photographs, told the size", "photographs", prior_w="blind?size={size}"
)
KNOWN = Solve(
    "known", "the dark prior's last step with the true kernel", "darkprior", (TRUE_KERNEL, "identity")
)
L0 = Solve(
    "l0",
    "the same without the dark channel",
    "darkprior?dark=false",
    ("blind?size={size}", "identity"),
    hurried_by="rounds",
)


def against_known(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """The figures of a photograph: all modulo shift, borders left out."""
    known, moved = _with_true_kernel(one), shift_align(found.x, one.x)
    # both are aligned and cropped: nothing is left to be moved
    three = (moved.estimate, known.estimate, moved.truth)
    figures = {
        "psnr": psnr(moved.estimate, moved.truth),
        "ssim": ssim(moved.estimate, moved.truth),
        "ratio_spectral": spectral_error_ratio(*three, reach=0.0, border=0),
        "ratio_squares": squared_error_ratio(*three, reach=0.0, border=0),
    }
    if found.w is not None:
        figures["ncc"] = kernel_ncc_modulo_shift(found.w, one.w)
    return plain(figures, found)


def failures(ratios: Tensor) -> float:
    """How many ratios are above 3; one that is no number has failed, too."""
    return float((~(ratios <= FAILED_ABOVE)).sum())


@lru_cache(maxsize=4)
def _with_true_kernel(one: Measured) -> ShiftAligned:
    return shift_align(KNOWN.recover(one, LevinPairs(), Settings(1), 0).x, one.x)


LEVIN = Study(
    name="levin",
    title="Levin's images 1 and 2 through eight camera shakes",
    count=16,
    quick=(1, 1),
    shown=8,
    kernels_shown=True,
    columns=(
        Column("images", "images", "d"),
        Over("psnr", "PSNR mod. shift", ".2f", of="psnr"),
        Over("psnr_worst", "worst", ".2f", of="psnr", by=worst),
        Over("ssim", "SSIM mod. shift", ".3f", of="ssim"),
        Over("ratio_spectral", "error ratio, spectral", ".3f", of="ratio_spectral"),
        Over("ratio_squares", "error ratio, squares", ".3f", of="ratio_squares"),
        Over("failed", "ratio above 3", ".0f", of="ratio_squares", by=failures),
        Over("ncc", "NCC mod. shift", ".3f", of="ncc"),
        Over("seconds_median", "median s", ".1f", of="seconds", by=median),
        Column("printed_psnr", "printed PSNR", ".2f"),
        Column("printed_ratio_spectral", "printed ratio", ".3f"),
    ),
    printed_in="D. Ren and others, CVPR 2020 (arXiv 1908.02197), means over all 32 pairs",
    cases=(
        Case(
            "levin",
            "Levin's images 1 and 2, kernels 1 to 8",
            LevinPairs(),
            (Blurry(), PHOTOGRAPHS, TOLD, UNTOLD, DARK, L0, KNOWN, oracle()),
            {
                "darkprior": {"psnr": 32.69, "ratio_spectral": 1.255},
                "known": {"psnr": 34.53, "ratio_spectral": 1.0},
            },
            against_known,
        ),
    ),
)
"""Real camera shakes."""
