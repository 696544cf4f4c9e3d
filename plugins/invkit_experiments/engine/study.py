"""Studies: cases × methods × images, each cell measured and kept on its own.

    TABLE9 = Study(
        name="table9", title="…", count=4, columns=QUALITY,
        cases=(Case("faces", "CelebA faces, blur A", Drawn(…), (Blurry(), Solve(…)), printed={…}),),
    )
    TABLE9.run(Settings(4), Kept(Path("out"))).rows

A *case* is one kind of inputs, with the methods that stand side by side on them and the figures printed for
them. A *row* is one method of one case, named ``case/method``. A *cell* is one image of one row, with its
figures and pictures; more images later cost only the new cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs
from torch import Tensor

from invkit_experiments.engine.benchmark import FORMAT, Benchmark, Settings
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.engine.scores import Over, scores
from invkit_experiments.inputs.sources import Measured, Source
from invkit_experiments.output.panels import encoded
from invkit_experiments.output.report import Cell, Gallery
from invkit_experiments.output.tables import Column, Row

__all__ = ["Case", "Study"]


@attrs.frozen
class Case:
    """Inputs, the methods side by side on them, and the figures printed for them.

    Args:
        name: part of file names.
        title: data, blur and noise in words; says so where the data stands in for the paper's.
        source: source of the inputs.
        methods: methods in the order of the table.
        printed: method → figure → value, as printed in the source that the study names.
        score: figures of one recovery, given its measurement and the operator's spec.
    """

    name: str
    title: str
    source: Source
    methods: tuple[Method, ...]
    printed: Mapping[str, Mapping[str, float]] = attrs.field(factory=dict)
    score: Callable[[Measured, Found, str], dict[str, float | None]] = scores


@attrs.frozen(kw_only=True)
class Study(Benchmark):
    """A benchmark over cases, image by image.

    Args:
        title: one line that says what is shown.
        cases: the cases, in the order of the table.
        printed_in: source of the printed figures; empty where there are none.
        shown: number of images of a case in its panel and on the page.
        kernels_shown: whether recovered kernels are drawn beside their images.
        mixed: whether the number of images counts those of all cases, which are dealt to the cases in turn,
            at least one to each. Then the table ends with a row for each method over all cases.
        kept_side: pictures are kept as their middle part of at most so many pixels a side.
    """

    title: str
    cases: tuple[Case, ...]
    printed_in: str = "arXiv 1802.04073"
    shown: int = 6
    kernels_shown: bool = False
    mixed: bool = False
    kept_side: int | None = None

    heads: ClassVar[tuple[Column, ...]] = (Column("case", "inputs"), Column("method", "method"))
    draws_bars: ClassVar[bool] = False

    @property
    def methods(self) -> Mapping[str, str]:
        return {row: method.what for row, (_, method) in self._rows().items()}

    def identity(self, row: str, settings: Settings) -> Mapping[str, Any]:
        _, method, source = self._parts(row, settings)
        source.identity(0, settings.seed)  # says what data is missing
        return {
            "format": FORMAT,
            "experiment": self.name,
            "row": row,
            "method": dict(method.identity(source, settings)),
        }

    def size(self, row: str, settings: Settings) -> int:
        case, _, source = self._parts(row, settings)
        if not self.mixed:
            return min(settings.count, source.size())
        dealt = range(self.cases.index(case), settings.count, len(self.cases))
        return min(max(1, len(dealt)), source.size())

    def place(self, row: str, index: int, settings: Settings) -> tuple[str, str, Mapping[str, Any]]:
        case, method, source = self._parts(row, settings)
        more = {"input": dict(source.identity(index, settings.seed))}
        return f"{self.name}/{case.name}", f"{method.name}-{index:03d}", more

    def measure(self, row: str, index: int, settings: Settings) -> dict[str, Any]:
        case, method, source = self._parts(row, settings)
        one = source.one(index, settings.seed)
        found = method.recover(one, source, settings, index)
        pictures = {"x": one.x, "y": one.y, "w": _scaled(one.w), "found": found.x}
        if found.w is not None:
            pictures["kernel"] = _scaled(found.w)
        return {
            "figures": case.score(one, found, source.operator),
            "pictures": {name: encoded(self._middle(picture[0])) for name, picture in pictures.items()},
        }

    def row(self, row: str, identity: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Row:
        case, method = self._rows()[row]
        made = self._summary(case.name, method, records)
        printed = {f"printed_{key}": value for key, value in case.printed.get(method.name, {}).items()}
        return {**made, **printed, "settings": identity["method"]}

    def overall(self, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
        """A row for each method that was measured in several cases, if the cases are mixed."""
        rows, found = self._rows(), dict[str, list[str]]()
        for row in records if self.mixed else ():
            found.setdefault(rows[row][1].name, []).append(row)
        return [
            {
                **self._summary("all", rows[of[0]][1], [record for row in of for record in records[row]]),
                "settings": {"cases": [rows[row][0].name for row in of]},
            }
            for of in found.values()
            if len(of) > 1
        ]

    def _summary(self, case: str, method: Method, records: Sequence[Mapping[str, Any]]) -> Row:
        """The figures of a method over these records."""
        figures = [record["figures"] for record in records]
        names = sorted({name for each in figures for name in each})
        return {
            "case": case,
            "method": method.name,
            "what": method.what,
            "images": len(records),
            **{column.key: column.figure(figures) for column in self.columns if isinstance(column, Over)},
            "each": {name: [each.get(name) for each in figures] for name in names},
        }

    def gallery(self, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> Gallery:
        rows = self._rows()
        cells = [
            Cell(rows[row][0].name, rows[row][1].name, index, record["figures"], record["pictures"])
            for row, of in records.items()
            for index, record in enumerate(of)
        ]
        titles = {case.name: case.title for case in self.cases}
        return Gallery(self.title, self.printed_in, titles, cells, self.shown, self.kernels_shown)

    def _middle(self, picture: Tensor) -> Tensor:
        """The part of a picture (channels, height, width) that is kept."""
        if self.kept_side is None:
            return picture
        corners = [max(0, (size - self.kept_side) // 2) for size in picture.shape[1:]]
        rows, columns = (slice(corner, corner + self.kept_side) for corner in corners)
        return picture[:, rows, columns]

    def _rows(self) -> dict[str, tuple[Case, Method]]:
        return {f"{case.name}/{each.name}": (case, each) for case in self.cases for each in case.methods}

    def _parts(self, row: str, settings: Settings) -> tuple[Case, Method, Source]:
        """Case and method of a row, and its source, hurried for a quick look."""
        case, method = self._rows()[row]
        return case, method, case.source if settings.steps is None else case.source.hurried(settings.steps)


def _scaled(kernel: Tensor) -> Tensor:
    """A kernel with its maximum at 1; one without a positive value as it is."""
    peak = kernel.amax()
    return kernel / peak if peak > 0 else kernel
