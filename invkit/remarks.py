"""Warnings of a solve: values that are no image's, images that have moved, hours to wait.

    remark_on_values(batch)                       # "values up to 255; images are taken to be in [0, 1]"
    remark_on_shift(operator, solution)           # "a recovered image is +4, -3 pixels from where …"
    remark_on_hours(spent, steps, left)           # "this solve may take 5 h more"

Each is an :class:`~invkit.errors.InvkitWarning`; nothing is changed.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.solution import Solution, Status
from invkit.errors import InputError, InvkitWarning, counted

__all__ = ["remark_on_hours", "remark_on_shift", "remark_on_values"]

_AWAY = 2.0  # pixels; a kernel on even sides that is centred is half a pixel away
_BRIGHT = 16.0  # an image in [0, 1] does not come near it, whatever its noise and its overshoot
#: seconds of steps that an estimate is made from; of a solve that is warned of; of one that is refused
_LOOKED_AT, _LONG, _NEVER = 5.0, 3600.0, 365.25 * 86400


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


def remark_on_hours(spent: float, steps: int, left: int) -> bool:
    """Warn of a solve that will take more than an hour; return whether it did warn.

    Later steps are taken to last as long. Where they follow fewer candidates, that is too much.

    Args:
        spent: seconds that steps took so far; nothing is said in the first five.
        steps: how many steps that were.
        left: steps to come.

    Raises:
        InputError: it would take more than a year.
    """
    more = spent * left / max(steps, 1)
    if spent < _LOOKED_AT or more < _LONG:
        return False
    says = f"at {spent / max(steps, 1):.3g} s a step, with {counted(left, 'step')} to come"
    if more > _NEVER:
        raise InputError(
            f"this solve would take {more / _NEVER:,.0f} years, {says}",
            hint="take fewer restarts or steps, smaller pictures or fewer of them at a time",
        )
    warnings.warn(
        f"this solve may take {more / 3600:,.0f} h more, {says}; Ctrl-C ends it with the best so far. Fewer "
        "restarts or steps, and smaller pictures, take less",
        InvkitWarning,
        stacklevel=3,
    )
    return True
