"""``invkit bench fig7``: the paper's Figure 7, faces by all methods, beside the closest image in range.

    Fig7(count=4).run(Kept(Path("out")))

Source: arXiv 1802.04073, Figure 7.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import QUALITY, drawn_faces, faces, in_range
from invkit_experiments.study import Study

__all__ = ["Fig7"]


@attrs.frozen(kw_only=True)
class Fig7(Study):
    """Faces."""

    name: ClassVar[str] = "fig7"
    title: ClassVar[str] = "faces, blur A"
    usual_count: ClassVar[int] = 4
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "celeba",
            "CelebA validation faces, blur A",
            drawn_faces("blurA"),
            (*faces("vae:blurA", "celeba-blurA"), in_range("gan:celeba")),
        ),
    )
