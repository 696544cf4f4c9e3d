"""Who is told how far an experiment is: nobody, a log, or a bar on a terminal.

    watcher = watcher_for(bars=True)         # Bar on a terminal, else Lines
    watcher.begin({"faces/default": ("blind, by default", 8)})
    watcher.start("faces/default", there=False)
    watcher.done("faces/default", seconds=21.5)

Time left: each row's mean time a cell, times its cells to come; a row of which none is done yet is taken
to be as slow as the mean of the others. Since all rows do their first image first, that is known early.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from invkit.cli.output import to_stderr

__all__ = ["Bar", "Lines", "Pace", "Watcher", "watcher_for"]

_EVERY = 30.0  # seconds between two remarks on how far it is


class Watcher:
    """Told of everything; says nothing."""

    def begin(self, rows: Mapping[str, tuple[str, int]]) -> None:
        """Before all: row → what it is, and its number of cells."""

    def start(self, row: str, *, there: bool) -> None:
        """Before a cell: whether an earlier run had kept it."""

    def done(self, row: str, seconds: float) -> None:
        """After a cell: what it took, now or when it was measured."""

    def left_out(self, row: str, reason: str) -> None:
        """Instead of `done`: the row cannot be measured here."""

    def end(self) -> None:
        """After all, also where it was interrupted."""


@attrs.define
class Pace:
    """How far it is, and how long it will take."""

    counts: dict[str, int]
    spent: dict[str, list[float]] = attrs.field(factory=dict)

    def done(self, row: str, seconds: float) -> None:
        """One more cell."""
        self.spent.setdefault(row, []).append(seconds)

    def drop(self, row: str) -> None:
        """No more cells of this row."""
        self.counts[row] = len(self.spent.get(row, []))

    @property
    def progress(self) -> tuple[int, int]:
        """Cells done, and cells in all."""
        return sum(map(len, self.spent.values())), sum(self.counts.values())

    @property
    def left(self) -> float | None:
        """Seconds to go; None where nothing is done yet."""
        if not self.spent:
            return None
        means = {row: sum(times) / len(times) for row, times in self.spent.items()}
        typical = sum(means.values()) / len(means)
        return sum(
            (count - len(self.spent.get(row, []))) * means.get(row, typical)
            for row, count in self.counts.items()
        )


class Lines(Watcher):
    """A line when a row begins, and one now and then: for logs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def begin(self, rows: Mapping[str, tuple[str, int]]) -> None:
        """Remember what is to come."""
        self._what = {row: what for row, (what, _) in rows.items()}
        self._pace = Pace({row: count for row, (_, count) in rows.items()})
        self._seen: set[str] = set()
        self._told = self._clock()

    def start(self, row: str, *, there: bool) -> None:
        """Name the row, once."""
        if row not in self._seen:
            self._seen.add(row)
            number = [*self._what].index(row) + 1
            note = " (kept from an earlier run)" if there else ""
            to_stderr(f"[{number}/{len(self._what)}] {row}: {self._what[row]}{note}")

    def done(self, row: str, seconds: float) -> None:
        """Say how far it is, if nothing was said for a while."""
        self._pace.done(row, seconds)
        if self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            done, total = self._pace.progress
            to_stderr(f"{done} of {total} done, about {_span(self._pace.left)} left")

    def left_out(self, row: str, reason: str) -> None:
        """Say why."""
        self._pace.drop(row)
        to_stderr(f"{row} is left out: {reason}")


class Bar(Watcher):
    """A bar drawn by rich on stderr: what is being measured, cells done, time left."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, rows: Mapping[str, tuple[str, int]]) -> None:
        """Draw it."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._pace = Pace({row: count for row, (_, count) in rows.items()})
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
        self._bar = Progress(
            *columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True)
        )
        self._task = self._bar.add_task("", total=self._pace.progress[1], left="")
        self._bar.start()

    def start(self, row: str, *, there: bool) -> None:
        """Name what is being measured."""
        self._bar.update(self._task, description=row)

    def done(self, row: str, seconds: float) -> None:
        """Move it."""
        self._pace.done(row, seconds)
        completed, total = self._pace.progress
        self._bar.update(self._task, completed=completed, total=total, left=f"{_span(self._pace.left)} left")

    def left_out(self, row: str, reason: str) -> None:
        """Say why, above the bar."""
        self._pace.drop(row)
        self._bar.console.print(f"{row} is left out: {reason}", markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar.stop()


def watcher_for(*, bars: bool) -> Watcher:
    """A bar where stderr is a terminal and no other bar will be drawn there, else lines."""
    return Bar() if bars and sys.stderr.isatty() else Lines()


def _span(seconds: float | None) -> str:
    """A time span in words: ``5 s``, ``3 min``, ``2 h 10 min``."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
