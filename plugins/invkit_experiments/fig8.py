"""``invkit bench fig8``: the paper's Figure 8, faces under a motion blur of length 30.

    Fig8(count=4).run(Kept(Path("out")))

The paper shows the CNN, its own method and the closest image in range; it says of the dark channel prior
that it fails here altogether, and so it stands here, too.

Source: arXiv 1802.04073, Figure 8.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import QUALITY, drawn_faces, faces, in_range
from invkit_experiments.study import Study

__all__ = ["Fig8"]


@attrs.frozen(kw_only=True)
class Fig8(Study):
    """Faces under a large blur."""

    name: ClassVar[str] = "fig8"
    title: ClassVar[str] = "faces, motion of length 30"
    usual_count: ClassVar[int] = 4
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "celeba",
            "CelebA validation faces, motion of length 30",
            drawn_faces("blur30"),
            (*faces("vae:blur30", "celeba-blurA"), in_range("gan:celeba")),
        ),
    )
