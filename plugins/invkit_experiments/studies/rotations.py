"""``invkit bench rotations``: photographs by a camera that turned a little while it moved.

    ROTATIONS.run(Settings(12), Kept(Path("out"))).rows

A row's number is by how many pixels the turn moves the corners at most; at 0 all of the picture has one
kernel. Pictures, paths and noise are the same in all rows. Those of ``rotations`` are of the validation half,
``rotations-train`` is the same on the training half, to tune on. Figures are those of ``photographs``; the
oracle is the last step with the one true kernel of the middle.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from invkit.metrics import psnr
from invkit_experiments.engine.methods import Blurry, Found, Method
from invkit_experiments.engine.scores import Over, finite, plain, total
from invkit_experiments.engine.solve import Named
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.photographs import Split
from invkit_experiments.inputs.rotations import Rotations
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.output.tables import Column
from invkit_experiments.studies.photographs import FLAGS, WORSE_BY, aligned

__all__ = ["ROTATIONS", "ROTATIONS_TRAIN"]

#: pixels that the corners move by
TURNS = (0.0, 3.0, 6.0, 10.0)
_ONE = "linconv?mode=same&boundary=unknown"

METHODS: tuple[Method, ...] = (
    Blurry(),
    Named("photographs", "the method photographs, told nothing", "photographs"),
    Named("one-kernel", "the same with one kernel for all of the picture", "photographs", operator=_ONE),
    Named("oracle", "the true kernel of the middle: not blind", "photographs", known=True, operator=_ONE),
)


def rotation_scores(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """The figures of a picture."""
    level, before = _level(found.x, one), _level(one.y, one)
    varies = str(found.notes.get("varies", "no"))
    return plain({}, found) | {
        "psnr": finite(level),
        "gain": finite(level - before),
        "worse": float(not level >= before - WORSE_BY),
        "flagged": float(found.status in FLAGS),
        "rotation": float("rotation" in found.notes),
        "unclear": float(varies == "unclear"),
    }


def _level(x: Float[Tensor, "1 c h w"], one: Measured) -> float:
    moved = aligned(x, one.x)
    return float(psnr(moved.estimate, moved.truth))


def _study(name: str, split: Split) -> Study:
    return Study(
        name=name,
        title=f"pictures of BSDS500's {split} half by a camera that turned",
        count=12,
        quick=(1, 1),
        shown=1,
        kernels_shown=False,
        kept_side=192,
        columns=(
            Column("images", "images", "d"),
            Over("psnr", "PSNR of luma mod. shift", ".2f", of="psnr"),
            Over("gain", "gain over the input", "+.2f", of="gain"),
            Over("worse", "worse than the input", ".0f", of="worse", by=total),
            Over("flagged", "flagged", ".0f", of="flagged", by=total),
            Over("rotation", "kernels of their own", ".0f", of="rotation", by=total),
            Over("unclear", "told unclear", ".0f", of="unclear", by=total),
            Over("cpu", "CPU s", ".1f", of="cpu"),
        ),
        printed_in="",
        cases=tuple(
            Case(
                f"turn-{turn:g}",
                f"corners move by {turn:g} pixels",
                Rotations(split, turn),
                METHODS,
                score=rotation_scores,
            )
            for turn in TURNS
        ),
    )


ROTATIONS = _study("rotations", "validation")
ROTATIONS_TRAIN = _study("rotations-train", "train")
