"""A progress bar on stderr: stage, share done, residual, time left.

    solver.solve(problem, y, rng, monitors=[ProgressBar()])
    descent ━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━  65% 260/400 residual 0.0813 0:00:04

It appears once a solve has taken two seconds, on a terminal or in a notebook, so that logs stay readable.
"""

from __future__ import annotations

import atexit
import sys
import time
from math import isnan
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge

import invkit
from invkit_monitors._summary import at_least, best

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


@attrs.define(slots=False, eq=False)
class ProgressBar(invkit.Monitor):
    """One bar for each solve: drawn by rich on a terminal, a line of text in a notebook.

    The residual is the median over measurements of the best restart's residual. It is left out while there is
    none.

    Args:
        every: redraw at multiples of this many steps, and at the last.
        after: the seconds that a solve takes before its bar appears.
        force: show it where stderr is no terminal, too.
    """

    every: int = attrs.field(default=10, validator=at_least(1))
    after: float = attrs.field(default=2.0, validator=ge(0))
    force: bool = False
    # Any, because rich is imported when first used and options are read by resolving the annotations.
    _bar: Any = attrs.field(default=None, init=False, repr=False)
    _began: float = attrs.field(default=0.0, init=False, repr=False)

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.close()
        self._began = time.monotonic()
        if self.after == 0:
            self._open("start", steps)

    def on_step(self, progress: invkit.Progress) -> None:
        """Move the bar. The first place that waits for the device, and only where something is shown."""
        if self._bar is None and time.monotonic() - self._began >= self.after:
            self._open(progress.stage, progress.steps)
        if self._bar is None:
            return
        residual = best(progress.residual).nanmedian().item()
        said = "" if isnan(residual) else f"residual {residual:.4g}"
        self._bar.show(progress.stage, progress.step, progress.steps, said)

    def on_end(self, solution: invkit.Solution) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; may be called at any time, more than once."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            atexit.unregister(self.close)

    def _open(self, stage: str, steps: int) -> None:
        self._bar = _display(self.force, self._began)
        if self._bar is not None:
            # A solve that raises never says that it is over; the cursor must come back all the same.
            atexit.register(self.close)
            self._bar.show(stage, 0, steps, "")


def _display(force: bool, began: float) -> _Terminal | _Line | None:
    """What shows the bar, or None where it should not be seen."""
    if "ipykernel" in sys.modules and not force:
        return _Line(began)
    from rich.console import Console

    console = Console(stderr=True, force_terminal=True if force else None)
    return _Terminal(console) if console.is_terminal else None


class _Terminal:
    """A bar drawn by rich."""

    def __init__(self, console: Any) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar: Bar = Progress(
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
        self._bar.start()
        self._task = self._bar.add_task("", residual="")

    def show(self, stage: str, step: int, steps: int, residual: str) -> None:
        self._bar.update(
            self._task, description=stage, completed=step, total=steps, residual=residual, refresh=True
        )

    def stop(self) -> None:
        self._bar.stop()


class _Line:
    """A line that is written anew: a notebook without widgets can show no more."""

    def __init__(self, began: float) -> None:
        self._began, self._width = began, 0

    def show(self, stage: str, step: int, steps: int, residual: str) -> None:
        seconds = round((time.monotonic() - self._began) * (steps - step) / step) if step else None
        left = "" if seconds is None else f"{seconds // 60}:{seconds % 60:02d} left"
        self._write(f"{stage} {step / steps:4.0%} {step}/{steps} {residual} {left}")

    def stop(self) -> None:
        self._write("")
        self._write("", end="\r")

    def _write(self, text: str, end: str = "") -> None:
        self._width = max(self._width, len(text))
        print(f"\r{text:{self._width}}", end=end, file=sys.stderr, flush=True)
