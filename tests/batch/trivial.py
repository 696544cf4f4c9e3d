"""A solver that gives the measurement back, and what befalls it at a picture whose first pixel is white."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
import torch

import invkit
from invkit.files.images import write_image


@attrs.frozen(eq=False)
class Trivial(invkit.Solver):
    """Notes each solve in a file, and meets with a mishap where the first pixel is 1."""

    mishap: Literal["none", "error", "exit", "memory", "kill", "full", "interrupt", "diverge"] = "none"
    notes: str | None = None
    gain: float = 1.0

    def solve(
        self,
        problem: invkit.Problem,
        y: torch.Tensor,
        rng: torch.Generator,
        monitors: Sequence[invkit.Monitor] = (),
        *,
        start: invkit.Solution | None = None,
    ) -> invkit.Solution:
        if self.notes is not None:
            with open(self.notes, "ab") as stream:
                stream.write(b"." * len(y))
        status = [invkit.Status.MAX_ITER] * len(y)
        white = y[:, 0, 0, 0] == 1
        if bool(white.any()):
            if self.mishap == "error":
                raise RuntimeError("a plugin's own")
            if self.mishap == "exit":
                raise SystemExit(3)
            if self.mishap == "memory":
                raise MemoryError
            if self.mishap == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.mishap == "full":
                raise OSError(28, "No space left on device")
            if self.mishap == "interrupt":
                raise KeyboardInterrupt
            if self.mishap == "diverge":
                status = [invkit.Status.DIVERGED if each else invkit.Status.MAX_ITER for each in white]
                y = torch.where(white[:, None, None, None], torch.nan, y)
        w = torch.zeros(len(y), 1, 3, 3)
        w[:, :, 1, 1] = 1
        zero = torch.zeros(len(y), 1)
        return invkit.Solution(
            x=y * self.gain,
            w=w,
            latents=(None, None),
            residual=zero[:, 0],
            status=tuple(status),
            restarts=invkit.Restarts(zero, zero, tuple((each,) for each in status), (0,) * len(y)),
            history=zero[:, :, None],
            history_steps=(0,),
            seconds=0.0,
        )


def trivial(**options: object) -> invkit.Pipeline:
    """A pipeline with this solver and a known kernel."""
    kernel = np.zeros((1, 3, 3), np.float32)
    kernel[0, 1, 1] = 1
    solver = Trivial(**options)  # type: ignore[arg-type]
    return invkit.compose("circconv", [invkit.Given(torch.from_numpy(kernel)), "identity"], solver)


def write_pictures(folder: Path, count: int, white: Sequence[int] = ()) -> list[Path]:
    """Write small pictures, ``00.png`` and so on; the first pixel of some is white."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        pixels = np.random.default_rng(number).random((1, 8, 8)) * 0.9
        pixels[0, 0, 0] = number in white
        made.append(folder / f"{number:02d}.png")
        write_image(made[-1], pixels)
    return made
