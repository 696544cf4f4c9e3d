"""``invkit bench fig9``: the paper's Figure 9, one image at growing noise, our recovery beside the CNN's.

    Fig9(count=1).run(Kept(Path("out")))

10, 20 and 30 %, faces and house numbers under blur A; the same images, kernels and noise patterns at every
level. The figures over more images and levels are Table 2's.

Source: arXiv 1802.04073, Figure 9.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import PRINTED, QUALITY
from invkit_experiments.study import Study
from invkit_experiments.table2 import FACES, NUMBERS, noisy

__all__ = ["Fig9"]


@attrs.frozen(kw_only=True)
class Fig9(Study):
    """Growing noise."""

    name: ClassVar[str] = "fig9"
    title: ClassVar[str] = "noise of 10, 20 and 30 %"
    usual_count: ClassVar[int] = 2
    quick: ClassVar[tuple[int, int]] = (1, 3)
    shown: ClassVar[int] = 2
    columns: ClassVar[tuple[Column, ...]] = (*QUALITY, *PRINTED)
    printed_in: ClassVar[str] = "arXiv 1802.04073, Table 2"
    cases: ClassVar[tuple[Case, ...]] = (
        *(noisy("celeba", level, FACES) for level in (10, 20, 30)),
        *(noisy("housenumbers", level, NUMBERS) for level in (10, 20, 30)),
    )
