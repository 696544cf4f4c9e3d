"""Curves and pictures of a solve for TensorBoard.

    solver.solve(problem, y, rng, monitors=[TensorBoard("runs/first", images_every=100)])
    $ tensorboard --logdir runs

Scalars ``objective/best/0``, ``objective/median/0`` (over restarts, measurement 0), the same of ``residual``;
images ``x/0`` and ``w/0``, the best so far.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import MissingExtra, OutputError
from invkit_monitors._summary import at_least, best, median


@attrs.define(slots=False, eq=False)
class TensorBoard(invkit.Monitor):
    """Writes an event file per solve. Restarts that dropped out do not count; where all have, the curve ends.

    Args:
        name: the folder of the event files, made where it is missing.
        every: write scalars at multiples of this many steps, and at the last.
        images_every: write images after so many steps, and at the last; 0 writes none.
        measurements: only so many of the first measurements are written.

    Raises:
        InputError: an option out of range.
    """

    name: str
    every: int = attrs.field(default=10, validator=at_least(1))
    images_every: int = attrs.field(default=100, validator=at_least(0))
    measurements: int = attrs.field(default=8, validator=at_least(1))
    _writer: Any = attrs.field(default=None, init=False, repr=False)
    _next_images: int = attrs.field(default=0, init=False, repr=False)

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        """Open an event file.

        Raises:
            MissingExtra: TensorBoard is not installed.
            OutputError: the folder cannot be written.
        """
        self.close()
        self._writer = _open(Path(self.name))
        self._next_images = self.images_every

    def on_step(self, progress: invkit.Progress) -> None:
        if self._writer is None:
            return
        for what, values in (("objective", progress.objective), ("residual", progress.residual)):
            numbers = torch.stack([best(values), median(values)])[:, : self.measurements].tolist()
            for how, row in zip(("best", "median"), numbers, strict=True):
                for index, number in enumerate(row):
                    if math.isfinite(number):
                        self._writer.add_scalar(f"{what}/{how}/{index}", number, progress.step)
        if self.images_every and (progress.step >= self._next_images or progress.step == progress.steps):
            self._next_images = (progress.step // self.images_every + 1) * self.images_every
            w, x = progress.best()
            if w is not None:
                self._write_images("w", _to_full_range(w), progress.step)
            self._write_images("x", x, progress.step)

    def on_end(self, solution: invkit.Solution) -> None:
        self.close()

    def close(self) -> None:
        """Flush and close; may be called at any time, more than once."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write_images(self, tag: str, signals: Tensor, step: int) -> None:
        """Write what are pictures (1 or 3 channels, two dimensions), clipped to [0, 1]; pass over others."""
        if self._writer is None or signals.ndim != 4 or signals.shape[1] not in (1, 3):
            return
        pictures = signals.detach()[: self.measurements].nan_to_num().clamp(0, 1).float().cpu()
        for index, picture in enumerate(pictures):
            self._writer.add_image(f"{tag}/{index}", picture, step)


def _to_full_range(kernels: Float[Tensor, "n *w"]) -> Float[Tensor, "n *w"]:
    """Each kernel divided by its largest value: one of unit sum would look black."""
    largest = kernels.flatten(1).amax(1).clamp(min=torch.finfo(kernels.dtype).tiny)
    return kernels / largest.reshape(-1, *[1] * (kernels.ndim - 1))


def _open(folder: Path) -> Any:
    """A writer to a folder. TensorBoard takes a second to import, so it is imported when first used."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("TensorBoard's files", "tensorboard", "train") from error
    try:
        return SummaryWriter(log_dir=str(folder))
    except OSError as error:
        raise OutputError(
            f"cannot write TensorBoard's files to {folder}: {error.strerror or error}",
            hint="name another folder",
        ) from error
