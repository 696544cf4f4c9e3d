"""Small pictures, and a solver that gives them back: what is left is the work of a folder's run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import torch
from torch import Tensor

import invkit
from invkit.files.images import png_bytes

__all__ = ["GivesBack", "giving_back", "write_pictures"]


@attrs.frozen(eq=False)
class GivesBack(invkit.Solver):
    """``x = gain·y``, whatever the kernel, after some seconds."""

    gain: float = 1.0
    seconds: float = 0.0

    def solve(
        self,
        problem: invkit.Problem,
        y: Tensor,
        rng: torch.Generator,
        monitors: Sequence[invkit.Monitor] = (),
        *,
        start: invkit.Solution | None = None,
    ) -> invkit.Solution:
        time.sleep(self.seconds)
        n, w = len(y), torch.zeros(len(y), 1, 3, 3)
        w[:, :, 1, 1] = 1
        zero, status = torch.zeros(n, 1), invkit.Status.MAX_ITER
        return invkit.Solution(
            x=y * self.gain,
            w=w,
            latents=(None, None),
            residual=zero[:, 0],
            status=(status,) * n,
            restarts=invkit.Restarts(zero, zero, ((status,),) * n, (0,) * n),
            history=zero[:, :, None],
            history_steps=(0,),
            seconds=0.0,
        )


def giving_back(gain: float = 1.0, seconds: float = 0.0) -> invkit.Pipeline:
    """A pipeline with this solver and a known kernel."""
    kernel = torch.zeros(1, 3, 3)
    kernel[0, 1, 1] = 1
    return invkit.compose("circconv", [invkit.Given(kernel), "identity"], GivesBack(gain, seconds))


def write_pictures(folder: Path, count: int, side: int = 28) -> None:
    """Write smooth random pictures, ``0000000.png`` and so on; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:07d}.png"
        if path.exists():
            continue
        coarse = np.random.default_rng(number).random((1, side // 4, side // 4), dtype=np.float32)
        path.write_bytes(png_bytes(coarse.repeat(4, 1).repeat(4, 2)))
