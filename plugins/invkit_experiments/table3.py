"""``invkit bench table3``: the paper's Table 3, images of the prior's range against images of the test set.

    Table3(count=4).run(Kept(Path("out"))).rows

Does the prior limit what is recovered? Each image is taken twice: as it is, and replaced by the closest
image in the range of the prior, which the solver could recover exactly. Same kernels, same noise. The
figure is the paper's, ‖x̂ − x‖₂ over the number of values (how it is read: `invkit_experiments.scores`).
The paper averaged 50 images; 4 a case here unless `count` says otherwise.

Source: arXiv 1802.04073, Section 4.4 and Table 3.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import FACES_PRINTED, NUMBERS_PRINTED, QUALITY, drawn_faces, drawn_numbers
from invkit_experiments.scores import Over
from invkit_experiments.solve import Solve
from invkit_experiments.study import Study

__all__ = ["Table3"]

#: class and blur → error on test images and on range images, as printed
FIGURES = {
    ("celeba", "blurA"): (0.000671, 0.000290),
    ("celeba", "blurB"): (0.000823, 0.000332),
    ("housenumbers", "blurA"): (0.00118, 0.000501),
    ("housenumbers", "blurB"): (0.000993, 0.000211),
}


def pair(kind: str, blur: str) -> tuple[Case, Case]:
    """The same images and kernels: as they are, and in range."""
    faces = kind == "celeba"
    prior, settings = ("gan:celeba", FACES_PRINTED) if faces else ("vae:housenumbers", NUMBERS_PRINTED)
    title = "CelebA validation faces" if faces else "synthetic house numbers in place of SVHN"
    drawn = drawn_faces if faces else drawn_numbers
    priors = (f"vae:{blur}", prior)
    methods = (
        Solve("paper", f"Algorithm 1 as printed, {prior}", f"altgd?preset=paper,{settings}", priors),
        Solve("default", f"altgd by default, {prior}", "altgd", priors),
    )
    test, ranged = (
        {name: {"error": error} for name in ("paper", "default")} for error in FIGURES[kind, blur]
    )
    return (
        Case(f"{kind}-{blur}-test", f"{title}, {blur}", drawn(blur), methods, test),
        Case(
            f"{kind}-{blur}-range",
            f"the same, each replaced by the closest image in the range of {prior}",
            drawn(blur, in_range=prior),
            methods,
            ranged,
        ),
    )


@attrs.frozen(kw_only=True)
class Table3(Study):
    """Test images against range images."""

    name: ClassVar[str] = "table3"
    title: ClassVar[str] = "images of the test set against images in range"
    usual_count: ClassVar[int] = 4
    quick: ClassVar[tuple[int, int]] = (1, 3)
    columns: ClassVar[tuple[Column, ...]] = (
        QUALITY[0],
        Over("error", "error per pixel", ".6f", of="error"),
        Column("printed_error", "printed error", ".6f"),
        *QUALITY[1:],
    )
    printed_in: ClassVar[str] = "arXiv 1802.04073, Table 3"
    cases: ClassVar[tuple[Case, ...]] = tuple(case for key in FIGURES for case in pair(*key))
