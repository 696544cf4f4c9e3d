"""Who is told how far an experiment is: nobody, a log, or a bar on a terminal.

watcher = watcher_for(bars=True)         # Bar on a terminal, else Lines
watcher.begin({"faces/default": ("blind, by default", 8)})
watcher.start("faces/default", there=False)
watcher.done("faces/default", seconds=21.5)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from invkit.cli.output import to_stderr
from invkit_experiments.output.pace import Pace, span

__all__ = ["Bar", "Lines", "Watcher", "watcher_for"]

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
            to_stderr(f"{done} of {total} done, about {span(self._pace.left)} left")

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
        self._bar.update(self._task, completed=completed, total=total, left=f"{span(self._pace.left)} left")

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
