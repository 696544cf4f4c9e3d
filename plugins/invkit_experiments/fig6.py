"""``invkit bench fig6``: the paper's Figure 6, house numbers by all methods, and what the range allows.

    Fig6(count=6).run(Kept(Path("out")))

Synthetic house numbers in place of SVHN, and the SVHN crops at hand, under blur B.

Source: arXiv 1802.04073, Figure 6.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import QUALITY, drawn_numbers, in_range, numbers, svhn_crops
from invkit_experiments.study import Study

__all__ = ["Fig6"]

METHODS = (*numbers("vae:blurB", "housenumbers-blurB"), in_range("vae:housenumbers"))


@attrs.frozen(kw_only=True)
class Fig6(Study):
    """House numbers."""

    name: ClassVar[str] = "fig6"
    title: ClassVar[str] = "house numbers, blur B"
    usual_count: ClassVar[int] = 4
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "housenumbers",
            "synthetic house numbers in place of SVHN, blur B",
            drawn_numbers("blurB"),
            METHODS,
        ),
        Case(
            "svhn",
            "SVHN crops (validation, of its extra set), blur B",
            svhn_crops("blurB"),
            METHODS,
        ),
    )
