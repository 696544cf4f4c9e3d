"""What a training run shows: a progress bar on stderr and TensorBoard files.

    with watching(out, decode, encode, progress=True) as watch:
        run.train(watch)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from invkit_generative.training import TrainingRun, Watcher

#: maps 16 signals to a grid of pictures: reconstructions over originals, then samples
Pictures = Callable[[Tensor], Tensor]


@contextmanager
def watching(out: Path, pictures: Pictures, *, progress: bool, pictures_every: int = 500) -> Iterator[Watcher]:
    """A watcher that writes scalars and pictures to ``out/tensorboard`` and shows a bar on stderr.

    Scalars: loss, its parts, gradient norm, learning rate, signals per second. Where stderr is not a terminal the bar is a
    line per 5 % of the run.
    """
    writer = SummaryWriter(str(out / "tensorboard"))
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
            writer.add_scalar("signals_per_second", (step - last_step) * run.schedule.batch / (now - started), step)
        for name, value in log.items():
            writer.add_scalar(name, value, step)
        writer.add_scalar("learning_rate", run.schedule.rate(step - 1, steps), step)
        if step % pictures_every == 0 or step == steps:
            with torch.no_grad():
                writer.add_images("pictures", pictures(run.batch(0)[:16]), step)
        bar.update(task, total=steps, completed=step, description=f"loss {log['loss']:.2f}")
        if progress and bar.disable and (last_step < 0 or step * 20 // steps > last_step * 20 // steps):
            print(f"step {step}/{steps}  " + "  ".join(f"{n} {v:.4g}" for n, v in log.items()), file=sys.stderr, flush=True)
        started, last_step = now, step

    with bar:
        task = bar.add_task("training", total=None)
        try:
            yield watch
        finally:
            writer.close()
