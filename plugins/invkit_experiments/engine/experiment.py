"""Experiments: one row of figures for each method, measured on all signals at once.

    MINE = Experiment(
        name="mine", count=100, columns=(Column("psnr", "PSNR", ".2f"),), methods={"a": "the first"},
        depends=lambda method, settings: {"sigma": 0.01},                # whatever the row depends on
        figures=lambda method, settings: {"psnr": 21.0},
    )
    MINE.run(Settings(100), Kept(Path("out"))).rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs

from invkit_experiments.engine.benchmark import FORMAT, Benchmark, Settings
from invkit_experiments.output.tables import Column, Row

__all__ = ["Experiment"]


@attrs.frozen(kw_only=True)
class Experiment(Benchmark):
    """A benchmark with one cell a row.

    Args:
        methods: method → what it is, in one line.
        depends: all that a method's row depends on but its name, the number of signals and the seed,
            JSON-ready; raises `InvkitError` where the method cannot be measured here.
        figures: measures a method; figures by column, None where a figure has no meaning. Raises
            KeyboardInterrupt where it was interrupted.
    """

    methods: Mapping[str, str]
    depends: Callable[[str, Settings], Mapping[str, Any]]
    figures: Callable[[str, Settings], Row]

    heads: ClassVar[tuple[Column, ...]] = (Column("method", "method"),)
    draws_bars: ClassVar[bool] = True

    def identity(self, row: str, settings: Settings) -> Mapping[str, Any]:
        common = {"format": FORMAT, "count": settings.count, "seed": settings.seed}
        return {"experiment": self.name, "method": row, **common, **self.depends(row, settings)}

    def size(self, row: str, settings: Settings) -> int:
        return 1

    def place(self, row: str, index: int, settings: Settings) -> tuple[str, str, Mapping[str, Any]]:
        return self.name, row, {}

    def measure(self, row: str, index: int, settings: Settings) -> dict[str, Any]:
        return {"method": row, **self.figures(row, settings)}

    def row(self, row: str, identity: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Row:
        return records[0]
