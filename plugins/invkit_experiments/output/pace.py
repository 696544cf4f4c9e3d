"""How far a run is, and how long it will still take.

    pace = Pace({"faces/default": 8, "faces/oracle": 8})
    pace.done("faces/default", 21.5)
    pace.left                                # seconds

Time left: each row's mean time a cell, times its cells to come; a row of which none is done yet is taken
to be as slow as the mean of the others. Since all rows do their first image first, that is known early.
"""

from __future__ import annotations

import attrs

__all__ = ["Pace", "span"]


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


def span(seconds: float | None) -> str:
    """A time span in words: ``5 s``, ``3 min``, ``2 h 10 min``."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
