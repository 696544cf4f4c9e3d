"""What a training run shows: a progress bar on stderr and TensorBoard files.

with watching(out, pictures, progress=True, processes=processes) as watch:
    run.train(watch)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from invkit.errors import MissingExtra
from invkit.training.processes import Processes
from invkit.training.run import TrainingRun, Watcher

__all__ = ["Pictures", "summary_writer", "watching"]

Pictures = Callable[[Tensor], Tensor]
"""Maps a few signals, (n, channels, height, width), to any number of pictures of that size in [0, 1]."""

_SHOWN, _EVERY = 16, 500  # signals drawn, and steps from one drawing to the next


def summary_writer() -> type[Any]:
    """TensorBoard's writer.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("the records of a training run", "tensorboard", "train") from error
    return SummaryWriter


@contextmanager
def watching(out: Path, pictures: Pictures, *, progress: bool, processes: Processes) -> Iterator[Watcher]:
    """Give a watcher that writes to ``out/tensorboard`` and shows where the run stands on stderr.

    Scalars: losses, their parts, gradient norms, learning rate, signals per second, and the fraction of the
    time spent waiting for data. Where stderr is no terminal, the bar is a line per 5 % of the run. Only the
    first of the processes shows anything.
    """
    if not processes.first:
        yield lambda step, steps, log, run: None
        return
    writer = summary_writer()(str(out / "tensorboard"))
    bar = Progress(
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        console=Console(stderr=True),
        disable=not (progress and sys.stderr.isatty()),
    )
    started, last_step = time.perf_counter(), -1

    def watch(step: int, steps: int, log: Mapping[str, float], run: TrainingRun) -> None:
        nonlocal started, last_step
        now = time.perf_counter()
        if last_step >= 0:
            rate = (step - last_step) * run.schedule.batch / (now - started)
            writer.add_scalar("signals_per_second", rate, step)
            writer.add_scalar("share_waiting_for_data", run.waited / (now - started), step)
        for name, value in log.items():
            writer.add_scalar(name, value, step)
        writer.add_scalar("learning_rate", run.schedule.rate(step - 1, steps), step)
        if step % _EVERY == 0 or step == steps:
            with torch.no_grad():
                drawn = pictures(run.batch(0)[:_SHOWN].to(processes.device)).clamp(0, 1)
            writer.add_images("pictures", drawn, step)
        bar.update(task, total=steps, completed=step, description=f"loss {log['loss']:.4g}")
        if progress and bar.disable and (last_step < 0 or step * 20 // steps > last_step * 20 // steps):
            if last_step >= 0:
                log = {**log, "signals/s": rate, "waiting": run.waited / (now - started)}
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in log.items())
            print(f"step {step}/{steps}  {numbers}", file=sys.stderr, flush=True)
        started, last_step = now, step

    with bar:
        task = bar.add_task("training", total=None)
        try:
            yield watch
        finally:
            writer.close()
