"""The contract of what ``invkit bench`` runs: named rows, measured cell by cell, each cell kept at once.

    benchmark.check(Settings(count=4), ["default"])                      # raises now, not after hours of work
    benchmark.run(Settings(count=4), Kept(Path("out")), ["default"]).rows

There are two kinds. An `invkit_experiments.engine.experiment.Experiment` measures all signals of a row in
one cell; an `invkit_experiments.engine.study.Study` measures a row image by image. To add a benchmark,
describe one of them in a module and register it by ``registry.experiment("mine", "my_module:MINE", …)``.

An interruption costs one cell at most. All rows see the first image before any row sees the second. A row
that cannot be measured here (data, weights or a plugin is missing) is left out with the reason, unless it
was named.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from invkit.errors import InvkitError, OutputError, UsageError
from invkit.plugin.registry import nearest
from invkit_experiments.engine.kept import Kept
from invkit_experiments.output.curves import Curves
from invkit_experiments.output.report import Gallery, Report
from invkit_experiments.output.tables import Column, Row
from invkit_experiments.output.watching import Watcher

__all__ = ["FORMAT", "Benchmark", "Settings"]

FORMAT = 3
"""Raise it when rows kept by an earlier invkit no longer mean the same."""


@attrs.frozen
class Settings:
    """Settings of one run, for all of its rows.

    Args:
        count: number of signals.
        seed: random seed of inputs and solvers.
        steps: replaces every solver's own number of steps, for a quick look; the figures then mean little.
        few: solvers also get few restarts.
    """

    count: int
    seed: int = 0
    steps: int | None = None
    few: bool = False


@attrs.frozen(kw_only=True)
class Benchmark(ABC):
    """A table of named rows, all measured on the same inputs.

    Args:
        name: name on the command line and in file names.
        columns: columns of the figures.
        count: usual number of signals.
        quick: number of signals and of steps for a look that takes seconds.
    """

    name: str
    columns: tuple[Column, ...]
    count: int
    quick: tuple[int, int] = (1, 3)

    #: columns before the figures
    heads: ClassVar[tuple[Column, ...]]
    #: whether the rows' own solvers draw progress bars
    draws_bars: ClassVar[bool]

    @property
    @abstractmethod
    def methods(self) -> Mapping[str, str]:
        """Row → what it is, in one line, in the order of the table."""

    @abstractmethod
    def identity(self, row: str, settings: Settings) -> Mapping[str, Any]:
        """All that a row depends on, JSON-ready: settings, versions, sha256 of weights and data.

        Raises:
            InvkitError: the row cannot be measured here; the message says what is missing.
        """

    @abstractmethod
    def size(self, row: str, settings: Settings) -> int:
        """Number of cells of a row."""

    @abstractmethod
    def place(self, row: str, index: int, settings: Settings) -> tuple[str, str, Mapping[str, Any]]:
        """Folder and file name of a cell, and what it depends on beyond its row's identity."""

    @abstractmethod
    def measure(self, row: str, index: int, settings: Settings) -> dict[str, Any]:
        """Measure one cell; the record is JSON-ready.

        Raises:
            KeyboardInterrupt: it was interrupted; nothing half-measured is kept.
        """

    @abstractmethod
    def row(self, row: str, identity: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Row:
        """Figures of a row from the records of its cells."""

    def overall(self, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
        """Further rows, each over the cells of several; none by default."""
        return []

    def gallery(self, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> Gallery | None:
        """Pictures of the measured rows; None where there are none."""
        return None

    def curves(self, rows: Sequence[Row]) -> Mapping[str, Curves]:
        """Pictures of curves by name; none by default."""
        return {}

    def choose(self, named: Sequence[str] = ()) -> tuple[str, ...]:
        """Rows that are named, whole or by either part of ``case/method``; all rows if none is named.

        Raises:
            UsageError: a name that matches no row.
        """
        known = {part for row in self.methods for part in (row, *row.split("/"))}
        for name in named:
            if name not in known:
                what = "case or method" if any("/" in row for row in self.methods) else "method"
                raise UsageError(
                    f"the experiment {self.name!r} has no {what} {name!r}", hint=nearest(name, sorted(known))
                )
        return tuple(row for row in self.methods if not named or {row, *row.split("/")} & {*named})

    def check(
        self, settings: Settings, named: Sequence[str] = ()
    ) -> tuple[dict[str, Mapping[str, Any]], dict[str, InvkitError]]:
        """Identities of the chosen rows, and errors of those that cannot be measured here, before any work.

        Raises:
            UsageError: a name that matches no row.
            InvkitError: a row that was named cannot be measured here, or no row can.
        """
        identities, failed = {}, {}
        for row in self.choose(named):
            try:
                identities[row] = self.identity(row, settings)
            except InvkitError as error:
                if row in named:
                    raise
                failed[row] = error
        if not identities:
            raise next(iter(failed.values()))
        return identities, failed

    def run(
        self, settings: Settings, kept: Kept, named: Sequence[str] = (), watcher: Watcher | None = None
    ) -> Report:
        """Measure every row; cells that are kept are read from disk.

        Args:
            settings: settings of this run.
            kept: folder of finished cells.
            named: rows to measure; all by default.
            watcher: hears of each cell.

        Raises:
            KeyboardInterrupt: it was interrupted; finished cells are kept.
            InvkitError: a row that was named cannot be measured here, or no row can.
        """
        watcher = watcher or Watcher()
        identities, failed = self.check(settings, named)
        counts = {row: self.size(row, settings) for row in identities}
        watcher.begin({row: (self.methods[row], counts[row]) for row in identities})
        reasons: dict[str, list[str]] = {}
        for row, error in failed.items():
            reasons.setdefault(str(error), []).append(row)
        for reason, rows_left in reasons.items():
            watcher.left_out(rows_left, reason)
        records: dict[str, list[dict[str, Any]]] = {row: [] for row in identities}
        try:
            for index in range(max(counts.values())):
                for row, identity in identities.items():
                    if index >= counts[row] or row in failed:
                        continue
                    try:
                        records[row].append(self._cell(row, index, identity, settings, kept, watcher))
                    except OutputError:
                        raise  # the folder is at fault, not the method
                    except InvkitError as error:
                        if row in named:
                            raise
                        failed[row] = error
                        watcher.left_out([row], str(error))
        finally:
            watcher.end()
        done = {row: cells for row, cells in records.items() if row not in failed}
        if not done:
            raise next(iter(failed.values()))
        rows = [self.row(row, identities[row], cells) for row, cells in done.items()]
        return Report(
            name=self.name,
            images=settings.count,
            seed=settings.seed,
            steps=settings.steps,
            methods=dict(self.methods),
            columns=(*self.heads, *self.columns),
            rows=[*rows, *self.overall(done)],
            left_out={row: str(error) for row, error in failed.items()},
            gallery=self.gallery(done),
            curves=self.curves(rows),
        )

    def _cell(
        self,
        row: str,
        index: int,
        identity: Mapping[str, Any],
        settings: Settings,
        kept: Kept,
        watcher: Watcher,
    ) -> dict[str, Any]:
        """Read a cell, or measure it and keep it at once."""
        folder, file, more = self.place(row, index, settings)
        identity = {**identity, **more}
        record = kept.read(folder, file, identity)
        watcher.start(row, there=record is not None)
        if record is not None:
            watcher.done(row, record.get("figures", record).get("seconds") or 0.0)
            return record
        began = time.perf_counter()
        record = self.measure(row, index, settings)
        kept.write(folder, file, identity, record)
        watcher.done(row, time.perf_counter() - began)
        return record
