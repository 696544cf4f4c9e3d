"""A pretended solve: two measurements, three restarts, one of which drops out on the way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from invkit import Monitor, Progress, Solution, Status
from invkit.contracts.solution import Restarts

STEPS = 25

#: what a solve ends with; no monitor of ours looks into it
SOLUTION = Solution(
    x=torch.zeros(1, 1, 2, 2),
    w=torch.zeros(1, 1, 2, 2),
    latents=(torch.zeros(1, 0), torch.zeros(1, 0)),
    residual=torch.zeros(1),
    status=(Status.MAX_ITER,),
    restarts=Restarts(torch.zeros(1, 1), torch.zeros(1, 1), ((Status.MAX_ITER,),), (0,)),
    history=torch.zeros(1, 1, 0),
    history_steps=(),
    seconds=0.0,
)


def residual(step: int) -> Tensor:
    """(2, 3): falls as 1/step; the first measurement's last restart drops out at step 10."""
    values = torch.tensor([[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]]) / step
    if step >= 10:
        values[0, 2] = torch.nan
    return values


def solve(monitor: Monitor, steps: int = STEPS, best: Any = None) -> int:
    """Report as a solver does: every ``every`` steps, and at the last. Returns how often best was asked."""
    asked = 0

    def ask() -> Any:
        nonlocal asked
        asked += 1
        return best if best is not None else (torch.full((2, 1, 4, 4), 1 / 16), torch.rand(2, 3, 8, 8))

    monitor.on_start(steps, 2, 3)
    for step in range(1, steps + 1):
        if step % monitor.every == 0 or step == steps:
            values = residual(step)
            monitor.on_step(Progress(step, steps, values + 1, values, ask))
            values.zero_()  # a solver may reuse its memory
    monitor.on_end(SOLUTION)
    return asked
