"""A progress bar on stderr: stage, share done, residual, time left.

    solver.solve(problem, y, rng, monitors=[ProgressBar()])
    descent ━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━  65% 260/400 residual 0.0813 0:00:04

Shown only on a terminal, so that logs stay readable; ``force`` shows it everywhere.
"""

from __future__ import annotations

import atexit
from math import isnan
from typing import TYPE_CHECKING, Any

import attrs

import invkit
from invkit_monitors._summary import at_least, best

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


@attrs.define(slots=False, eq=False)
class ProgressBar(invkit.Monitor):
    """One bar a solve, drawn by rich. The residual is the median over measurements of the best restart's,
    and left out while there is none.

    Args:
        every: redraw at multiples of this many steps, and at the last.
        force: show it where stderr is no terminal, too.
    """

    every: int = attrs.field(default=10, validator=at_least(1))
    force: bool = False
    # Any, because rich is imported when first used and options are read by resolving the annotations.
    _bar: Any = attrs.field(default=None, init=False, repr=False)

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.close()
        self._bar = _bar(self.force)
        if self._bar is not None:
            # A solve that raises never says that it is over; the cursor must come back all the same.
            atexit.register(self.close)
            self._bar.start()
            self._bar.add_task("start", total=steps, residual="")
            self._bar.refresh()

    def on_step(self, progress: invkit.Progress) -> None:
        """Move the bar. The first place that waits for the device, and only where something is shown."""
        if self._bar is None:
            return
        residual = best(progress.residual).nanmedian().item()
        task = self._bar.tasks[0]
        self._bar.update(
            task.id,
            completed=progress.step,
            total=progress.steps,
            description=progress.stage,
            residual="" if isnan(residual) else f"residual {residual:.4g}",
            refresh=True,
        )

    def on_end(self, solution: invkit.Solution) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; may be called at any time, more than once."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            atexit.unregister(self.close)


def _bar(force: bool) -> Bar | None:
    """A bar that is not drawn yet, or None where it should not be seen."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, force_terminal=True if force else None)
    if not console.is_terminal:
        return None
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[residual]}"),
        TimeRemainingColumn(),
        console=console,
        # No thread that redraws: it would take time from the solve, and outlive one that raises.
        auto_refresh=False,
    )
