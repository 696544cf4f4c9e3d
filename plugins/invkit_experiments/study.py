"""Experiments as descriptions: cases × methods × images, each cell measured and kept on its own.

    class Table9(Study):
        name = "table9"
        cases = (Case("faces", "CelebA faces, blur A", Drawn(…), methods=(Blurry(), Solve(…)), printed={…}),)

    Table9(count=4).run(Kept(Path("out"))).rows

A *case* is a kind of inputs with the methods that stand side by side on them, and what the paper printed
for them. A *row* is one method of one case, named ``case/method``. A *cell* is one image of one row: it
is measured alone and kept at once, with its figures and pictures, so an interruption costs one cell at
most, and more images later cost only the new ones. All methods see the first image before any sees the
second.

What cannot be run here (data, weights or a plugin that is not installed) is left out with the reason,
unless it was asked for by name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from invkit.errors import InvkitError, OutputError, UsageError
from invkit.plugin.registry import nearest
from invkit_experiments.cases import Case, Cell
from invkit_experiments.experiment import FORMAT, Column, Experiment, Outcome, Row
from invkit_experiments.kept import Kept
from invkit_experiments.methods import Method, Settings
from invkit_experiments.pictures import pictured
from invkit_experiments.scores import Over
from invkit_experiments.watching import Watcher

__all__ = ["Study"]


@attrs.frozen
class _Row:
    """A method of a case, and all that its cells depend on but the measurement."""

    case: Case
    method: Method
    identity: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.case.name}/{self.method.name}"


@attrs.frozen(kw_only=True)
class Study(Experiment):
    """An experiment over cases; a subclass is a description and has no code of its own."""

    #: one line that says what is shown
    title: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]
    #: where the printed figures are from
    printed_in: ClassVar[str] = "arXiv 1802.04073"
    #: how many images of a case are drawn in its panel and on the page
    shown: ClassVar[int] = 6
    #: whether kernels that were found are drawn beside their images
    kernels_shown: ClassVar[bool] = False
    heads: ClassVar[tuple[Column, ...]] = (Column("case", "inputs"), Column("method", "method"))
    draws_bars: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Name the rows."""
        named = {f"{case.name}/{each.name}": each.what for case in cls.cases for each in case.methods}
        cls.methods = MappingProxyType(named)

    def choose(self, named: Sequence[str]) -> tuple[str, ...]:
        """The rows named: by ``case/method``, by case or by method; all where none is named.

        Raises:
            UsageError: a name that is none of these.
        """
        known = {part for row in self.methods for part in (row, *row.split("/"))}
        for name in named:
            if name not in known:
                raise UsageError(
                    f"the experiment {self.name!r} has no case or method {name!r}",
                    hint=nearest(name, sorted(known)),
                )
        rows = [row for row in self.methods if not named or {row, *row.split("/")} & {*named}]
        return tuple(rows)

    def identity(self, method: str) -> Mapping[str, Any]:
        case, found = self._find(method)
        case.source.identity(0, self.seed)  # says what data is missing
        return {
            "format": FORMAT,
            "experiment": self.name,
            "row": method,
            "method": dict(found.identity(case.source, self._settings)),
        }

    def measure(self, method: str) -> Row:
        """One row alone, kept nowhere."""
        case, found = self._find(method)
        row = _Row(case, found, self.identity(method))
        count = min(self.signals, case.source.size())
        return self._row(row, [self._measured(row, index) for index in range(count)])

    def check(self, methods: Sequence[str] = ()) -> None:
        self._prepared(methods, {})

    def run(self, kept: Kept, methods: Sequence[str] = (), watcher: Watcher | None = None) -> Outcome:
        """Measure image by image, each by all methods; cells that are kept are read from disk.

        Raises:
            KeyboardInterrupt: it was interrupted; the cells that were finished are kept.
            InvkitError: a method that was named cannot be run here, or none can.
        """
        watcher = watcher or Watcher()
        left_out: dict[str, str] = {}
        rows = self._prepared(methods, left_out)
        counts = {row.name: min(self.signals, row.case.source.size()) for row in rows}
        watcher.begin({row.name: (row.method.what, counts[row.name]) for row in rows})
        for name, reason in left_out.items():
            watcher.left_out(name, reason)
        cells: dict[str, list[Cell]] = {row.name: [] for row in rows}
        try:
            for index in range(max(counts.values())):
                for row in rows:
                    if index >= counts[row.name] or row.name in left_out:
                        continue
                    try:
                        cells[row.name].append(self._cell(row, index, kept, watcher))
                    except OutputError:
                        raise  # the folder is at fault, not the method
                    except InvkitError as error:
                        if row.name in methods:
                            raise
                        left_out[row.name] = str(error)
                        watcher.left_out(row.name, str(error))
        finally:
            watcher.end()
        rows = [row for row in rows if row.name not in left_out]
        return Outcome(
            [self._row(row, cells[row.name]) for row in rows],
            left_out,
            [cell for row in rows for cell in cells[row.name]],
        )

    def _prepared(self, named: Sequence[str], left_out: dict[str, str]) -> list[_Row]:
        """The rows that can be run here; raises where one was named, or none can."""
        prepared, first = [], None
        for name in self.choose(named):
            try:
                prepared.append(_Row(*self._find(name), self.identity(name)))
            except InvkitError as error:
                if name in named:
                    raise
                first = first or error
                left_out[name] = str(error)
        if not prepared and first is not None:
            raise first
        return prepared

    def _cell(self, row: _Row, index: int, kept: Kept, watcher: Watcher) -> Cell:
        """One cell: read, or measured and kept at once."""
        identity = {**row.identity, "input": dict(row.case.source.identity(index, self.seed))}
        place, file = f"{self.name}/{row.case.name}", f"{row.method.name}-{index:03d}"
        record = kept.read(place, file, identity)
        watcher.start(row.name, there=record is not None)
        began = time.perf_counter()
        if record is not None:
            cell = Cell(row.case, row.method, index, record["figures"], record["pictures"])
        else:
            cell = self._measured(row, index)
            kept.write(place, file, identity, {"figures": cell.figures, "pictures": cell.pictures})
        seconds = cell.figures.get("seconds") or 0.0
        watcher.done(row.name, seconds if record is not None else time.perf_counter() - began)
        return cell

    def _measured(self, row: _Row, index: int) -> Cell:
        source = row.case.source
        one = source.one(index, self.seed)
        found = row.method.recover(one, source, self._settings, index)
        figures = row.case.score(one, found, source.operator)
        return Cell(row.case, row.method, index, figures, pictured(one, found))

    def _row(self, row: _Row, cells: Sequence[Cell]) -> Row:
        figures = [cell.figures for cell in cells]
        names = {name for cell in figures for name in cell}
        return {
            "case": row.case.name,
            "method": row.method.name,
            "what": row.method.what,
            "images": len(cells),
            **{column.key: column.figure(figures) for column in self.columns if isinstance(column, Over)},
            **{f"printed_{key}": value for key, value in row.case.printed.get(row.method.name, {}).items()},
            "each": {name: [each.get(name) for each in figures] for name in sorted(names)},
            "settings": row.identity["method"],
        }

    def _find(self, row: str) -> tuple[Case, Method]:
        case_name, _, method_name = row.partition("/")
        return next(
            (case if self.steps is None else case.hurried(self.steps), method)
            for case in self.cases
            if case.name == case_name
            for method in case.methods
            if method.name == method_name
        )

    @property
    def _settings(self) -> Settings:
        return Settings(self.seed, self.steps)
