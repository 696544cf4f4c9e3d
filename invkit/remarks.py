"""Warnings of a solve: values that are no image's, images that have moved, hours to wait.

    remark_on_values(batch)                       # "values up to 255; images are taken to be in [0, 1]"
    remark_on_shift(operator, solution)           # "a recovered image is +4, -3 pixels from where …"
    remark_on_hours(spent, steps, total)          # "this solve may take 5 h more"

Each is an :class:`~invkit.errors.InvkitWarning`; nothing is changed.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.solution import Solution, Status
from invkit.errors import InvkitWarning

__all__ = ["remark_on_hours", "remark_on_shift", "remark_on_values"]

_AWAY = 2.0  # pixels; a kernel on even sides that is centred is half a pixel away
_BRIGHT = 16.0  # an image in [0, 1] does not come near it, whatever its noise and its overshoot
#: after so many seconds a solve warns, once, if it will take more than so many others
_WARNS_AFTER, _LONG = 60.0, 3600.0


def remark_on_values(batch: Tensor) -> None:
    """Warn of a batch of images that seem to have levels of 8 or 16 bits."""
    high = 0.0 if batch.is_complex() else batch.amax().item()
    if high > _BRIGHT:
        warnings.warn(
            f"the measurement has values up to {high:.4g}; images are taken to be in [0, 1]: "
            "divide those of 8 bits by 255",
            InvkitWarning,
            stacklevel=4,
        )


def remark_on_shift(operator: BilinearOperator, solution: Solution) -> None:
    """Warn of the recovered image that is furthest from where the measurement shows it; a result that is
    doubtful or no number says more than that.
    """
    sound = [status not in (Status.DOUBTFUL, Status.DIVERGED) for status in solution.status]
    for ambiguity in operator.ambiguities if solution.w is not None and any(sound) else ():
        moved = ambiguity.displacement(solution.w)
        if moved is None:
            continue
        moved = moved[torch.tensor(sound, device=moved.device)]
        furthest = moved[moved.norm(dim=1).nan_to_num(0).argmax()]
        if furthest.norm() > _AWAY:
            warnings.warn(
                f"a recovered image is {', '.join(f'{each:+.0f}' for each in furthest.tolist())} pixels "
                "(down, right) from where the measurement shows it, and its kernel as far the other way, "
                "which a measurement cannot tell; a prior of centred kernels keeps images in place",
                InvkitWarning,
                stacklevel=3,
            )


def remark_on_hours(spent: float, steps: int, total: int) -> bool:
    """Warn of a solve that has taken a minute and will take more than an hour; return whether it did warn.

    Args:
        spent: seconds so far.
        steps: steps done.
        total: steps in all.
    """
    left = spent * (total - steps) / max(steps, 1)
    if not (spent > _WARNS_AFTER and left > _LONG):
        return False
    warnings.warn(
        f"this solve may take {left / 3600:.0f} h more: {steps} of {total} steps have "
        f"taken {spent / 60:.0f} min; Ctrl-C ends it with the best so far",
        InvkitWarning,
        stacklevel=3,
    )
    return True
