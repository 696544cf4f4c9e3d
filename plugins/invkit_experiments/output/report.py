"""What came out of a benchmark, as plain data: all that its files say.

report.rows[0]["psnr"], report.left_out, report.gallery
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from invkit_experiments.output.curves import Curves
from invkit_experiments.output.tables import Column, Row

__all__ = ["Cell", "Gallery", "Report"]


@attrs.frozen
class Cell:
    """One image by one method.

    Args:
        case: name of the case.
        method: name of the method.
        index: index of the image, from 0.
        figures: name → figure; None where it is not finite.
        pictures: ``x``, ``y``, ``w`` (the truth), ``found`` and, where a kernel was found, ``kernel``: data
            URIs of `invkit_experiments.output.panels`.
    """

    case: str
    method: str
    index: int
    figures: Mapping[str, float | None]
    pictures: Mapping[str, str]


@attrs.frozen
class Gallery:
    """The images of a study.

    Args:
        title: one line that says what is shown.
        printed_in: source of the printed figures; empty where there are none.
        cases: case → its title.
        cells: all that were measured.
        shown: number of images of a case that are drawn.
        kernels_shown: whether recovered kernels are drawn beside their images.
    """

    title: str
    printed_in: str
    cases: Mapping[str, str]
    cells: Sequence[Cell]
    shown: int
    kernels_shown: bool

    def images(self) -> dict[str, dict[int, list[Cell]]]:
        """Case → index → the cells of that image; of each case the images that are drawn."""
        found: dict[str, dict[int, list[Cell]]] = {case: {} for case in self.cases}
        for cell in sorted(self.cells, key=lambda cell: cell.index):
            if cell.index < self.shown:
                found[cell.case].setdefault(cell.index, []).append(cell)
        return {case: images for case, images in found.items() if images}


@attrs.frozen(kw_only=True)
class Report:
    """A finished benchmark.

    Args:
        name: name of the benchmark.
        images: number of signals that were asked for.
        seed: random seed of inputs and solvers.
        steps: replaces every solver's own number of steps, or None.
        methods: row → what it is, of all rows.
        columns: columns of the table: names, then figures.
        rows: the rows that were measured, in the order of the table.
        left_out: row → why it could not be measured.
        gallery: pictures, for a study.
        curves: pictures of curves by name.
    """

    name: str
    images: int
    seed: int
    steps: int | None
    methods: Mapping[str, str]
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    left_out: Mapping[str, str]
    gallery: Gallery | None = None
    curves: Mapping[str, Curves] = attrs.field(factory=dict)
