"""``invkit bench fig2``: the paper's Figure 2, the closest image in range to the *blurry* image.

    Fig2(count=6).run(Kept(Path("out")))       # rows; its panel is original, kernel, blurry, recovered

"Recovery via back-propagation" (Section 2.1) minimises ‖y − C(m)‖² over m and knows nothing of a kernel:
what it recovers is a blurry image's likeness, not the original's. ``range`` shows what the same prior can
make.

Source: arXiv 1802.04073, Section 2.1 and Figure 2.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.methods import Blurry, Method
from invkit_experiments.paper import QUALITY, drawn_faces, drawn_numbers, in_range
from invkit_experiments.solve import Solve
from invkit_experiments.study import Study

__all__ = ["Fig2"]


def backpropagated(prior: str) -> tuple[Method, ...]:
    """The blurry image, the closest in range to it, and the closest in range to the truth."""
    what = f"the closest image in the range of {prior} to the blurry image"
    return (Blurry(), Solve("backprop", what, "range", ("identity", prior)), in_range(prior))


@attrs.frozen(kw_only=True)
class Fig2(Study):
    """Recovery via back-propagation."""

    name: ClassVar[str] = "fig2"
    title: ClassVar[str] = "the closest image in range to the blurry image"
    usual_count: ClassVar[int] = 6
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "celeba",
            "CelebA validation faces, blur A, gan:celeba",
            drawn_faces("blurA"),
            backpropagated("gan:celeba"),
        ),
        Case(
            "housenumbers",
            "synthetic house numbers in place of SVHN, blur B, vae:housenumbers",
            drawn_numbers("blurB"),
            backpropagated("vae:housenumbers"),
        ),
    )
