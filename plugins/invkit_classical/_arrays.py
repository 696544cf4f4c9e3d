"""Reading the arrays that a prior is made of, with errors that say what to mend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from invkit.errors import InputError

Made = TypeVar("Made")


def with_sha256(path: Path, read: Callable[[Path], Made]) -> tuple[Made, str]:
    """What ``read`` makes of a file, and the file's sha256.

    Raises:
        InputError: the file changed while it was read; whatever ``read`` raises.
    """
    before = _sha256(path)
    made = read(path)
    if before != _sha256(path):
        raise InputError(f"{path} changed while it was read", hint="wait until it is written, and try again")
    return made, before


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def as_numbers(array: Any, what: str) -> Tensor:
    """A tensor of its own, in floating point, from a tensor, array or nested list of finite numbers.

    Args:
        array: floats and complex numbers keep their precision, integers and booleans become float32.
        what: how messages call it.

    Raises:
        InputError: not numeric, empty, or with NaN or infinite values.
    """
    values = array.detach() if isinstance(array, Tensor) else torch.as_tensor(np.array(_numeric(array, what)))
    numbers = values.is_floating_point() or values.is_complex()
    values = values.clone() if numbers else values.to(torch.float32)
    if values.numel() == 0:
        raise InputError(f"{what} is empty: shape {tuple(values.shape)}", hint="give at least one number")
    if not torch.isfinite(values).all():
        count = int((~torch.isfinite(values)).sum())
        raise InputError(f"{what} holds {count} NaN or infinite values", hint="replace them by finite ones")
    return values


def _numeric(array: Any, what: str) -> npt.NDArray[Any]:
    values = np.asarray(array)
    if values.dtype.kind not in "buifc":
        raise InputError(f"{what} is an array of {values.dtype}, expected numbers", hint="give numbers")
    # torch knows no unsigned 32- and 64-bit numbers, and only native byte order.
    return values.astype(values.dtype.newbyteorder("=") if values.dtype.kind in "fc" else np.float32)


def check_field(field: Any) -> Any:
    """The field of a prior's numbers, if it is one.

    Raises:
        InputError: another word.
    """
    if field not in ("real", "complex", "any"):
        raise InputError(f"field={field!r}", hint="write field=real, field=complex or field=any")
    return field
