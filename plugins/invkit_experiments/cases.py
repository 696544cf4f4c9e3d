"""What stands side by side in a study, and one result of it.

Case("faces", "CelebA faces, blur A", Drawn(…), (Blurry(), Solve(…)), printed={"solve": {"psnr": 23.5}})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from invkit_experiments.methods import Found, Method
from invkit_experiments.pictures import Pictures
from invkit_experiments.scores import Figures, scores
from invkit_experiments.sources import Measured, Source

__all__ = ["Case", "Cell"]


@attrs.frozen
class Case:
    """Inputs, the methods side by side on them, and the figures printed for them.

    Args:
        name: of the case, a part of file names.
        title: in words: data, blur, noise; says so where the data stands in for the paper's.
        source: of the inputs.
        methods: in the order of the table.
        printed: method → figure → value, as printed in the source that the study names.
        score: the figures of one recovery, given what it was made from and the operator's spec.
    """

    name: str
    title: str
    source: Source
    methods: tuple[Method, ...]
    printed: Mapping[str, Mapping[str, float]] = attrs.field(factory=dict)
    score: Callable[[Measured, Found, str], dict[str, float | None]] = scores

    def hurried(self, steps: int) -> Case:
        """The case for a quick look."""
        return attrs.evolve(self, source=self.source.hurried(steps))


@attrs.frozen
class Cell:
    """One image of one row: its figures and its pictures."""

    case: Case
    method: Method
    index: int
    figures: Figures
    pictures: Pictures
