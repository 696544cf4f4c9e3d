"""Progress of a benchmark, shown to nobody, as lines of a log, or as a bar on a terminal.

watcher = watcher_for(bars=True)         # Bar on a terminal, else Lines
watcher.begin({"faces/default": ("blind, by default", 8)})
watcher.start("faces/default", there=False)
watcher.done("faces/default", seconds=21.5)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from invkit.cli.output import to_stderr

__all__ = ["Bar", "Lines", "Pace", "Watcher", "span", "watcher_for"]

_EVERY = 30.0  # seconds between two lines on the progress


@attrs.define
class Pace:
    """Progress of a run, and the time it will still take.

    The time left is each row's mean time a cell, times its remaining cells. A row without a finished cell is
    taken to be as slow as the mean of the others; since all rows do their first image first, few are.
    """

    counts: dict[str, int]
    spent: dict[str, list[float]] = attrs.field(factory=dict)

    def done(self, row: str, seconds: float) -> None:
        """Count one more cell."""
        self.spent.setdefault(row, []).append(seconds)

    def drop(self, row: str) -> None:
        """Expect no more cells of this row."""
        self.counts[row] = len(self.spent.get(row, []))

    @property
    def progress(self) -> tuple[int, int]:
        """Number of cells done, and of all cells."""
        return sum(map(len, self.spent.values())), sum(self.counts.values())

    @property
    def left(self) -> float | None:
        """Seconds to go; None if nothing is done yet."""
        if not self.spent:
            return None
        means = {row: sum(times) / len(times) for row, times in self.spent.items()}
        typical = sum(means.values()) / len(means)
        return sum(
            (count - len(self.spent.get(row, []))) * means.get(row, typical)
            for row, count in self.counts.items()
        )


def span(seconds: float | None) -> str:
    """A time span in words: ``5 s``, ``3 min``, ``2 h 10 min``."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Watcher:
    """Hears of every cell, keeps the pace, and says nothing."""

    def begin(self, rows: Mapping[str, tuple[str, int]]) -> None:
        """Before all cells: row → what it is, and its number of cells."""
        self.rows, self.pace = rows, Pace({row: count for row, (_, count) in rows.items()})

    def start(self, row: str, *, there: bool) -> None:
        """Before a cell; ``there`` if an earlier run had kept it."""

    def done(self, row: str, seconds: float) -> None:
        """After a cell, with the time it took, now or when it was measured."""
        self.pace.done(row, seconds)

    def left_out(self, rows: Sequence[str], reason: str) -> None:
        """Instead of `done`: these rows cannot be measured here, for one reason."""
        for row in rows:
            self.pace.drop(row)

    def end(self) -> None:
        """After all cells, also after an interruption."""


def _absence(rows: Sequence[str], reason: str) -> str:
    """Which rows are left out, in one line however many there are, and why."""
    if len(rows) == 1:
        return f"{rows[0]} is left out: {reason}"
    return f"{rows[0]} and {len(rows) - 1} more are left out: {reason}"


class Lines(Watcher):
    """A line when a row begins, and one on the progress now and then: for logs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._told, self._seen = clock, clock(), set[str]()

    def start(self, row: str, *, there: bool) -> None:
        if row not in self._seen:
            self._seen.add(row)
            note = " (kept from an earlier run)" if there else ""
            to_stderr(f"[{[*self.rows].index(row) + 1}/{len(self.rows)}] {row}: {self.rows[row][0]}{note}")

    def done(self, row: str, seconds: float) -> None:
        super().done(row, seconds)
        if self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            done, total = self.pace.progress
            to_stderr(f"{done} of {total} done, about {span(self.pace.left)} left")

    def left_out(self, rows: Sequence[str], reason: str) -> None:
        super().left_out(rows, reason)
        to_stderr(_absence(rows, reason))


class Bar(Watcher):
    """A bar drawn by rich on stderr: what is being measured, cells done, time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        left, row = TextColumn("{task.fields[left]}"), TextColumn("{task.description}", markup=False)
        self._bar = Progress(BarColumn(), MofNCompleteColumn(), left, row, console=Console(stderr=True))

    def begin(self, rows: Mapping[str, tuple[str, int]]) -> None:
        super().begin(rows)
        self._task = self._bar.add_task("", total=self.pace.progress[1], left="")
        self._bar.start()

    def start(self, row: str, *, there: bool) -> None:
        self._bar.update(self._task, description=row)

    def done(self, row: str, seconds: float) -> None:
        super().done(row, seconds)
        completed, total = self.pace.progress
        self._bar.update(self._task, completed=completed, total=total, left=f"{span(self.pace.left)} left")

    def left_out(self, rows: Sequence[str], reason: str) -> None:
        super().left_out(rows, reason)
        self._bar.console.print(_absence(rows, reason), markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        self._bar.stop()


def watcher_for(*, bars: bool) -> Watcher:
    """A bar if stderr is a terminal and no other bar will be drawn there, else lines."""
    return Bar() if bars and sys.stderr.isatty() else Lines()
