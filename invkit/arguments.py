"""Checks of what callers give: names, paths and numbers. A check returns the value, or says what to give.

    name = as_name(name, "the name of a method", "see `invkit list methods`")
    path = as_path(path, "the configuration")
    restarts = as_count(restarts, "restarts")
"""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from typing import Any

from invkit.errors import InputError

__all__ = ["as_count", "as_name", "as_number", "as_path", "number", "whole"]


def whole(value: Any) -> int | None:
    """A whole number as Python's own; None for anything else, booleans among it.

    Args:
        value: an ``int``, a numpy integer, or an integer array or tensor of no axes.
    """
    flags = isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
    if flags or len(getattr(value, "shape", "")) > 0:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def number(value: Any) -> float | None:
    """A finite real number as Python's own; None for anything else, booleans and texts among it."""
    kind = str(getattr(value, "dtype", type(value).__name__))
    text = isinstance(value, str | bytes | bytearray)
    if text or kind.endswith("bool") or "complex" in kind or len(getattr(value, "shape", "")) > 0:
        return None
    try:
        made = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return made if math.isfinite(made) else None


def as_count(value: Any, what: str, *, least: int = 1) -> int:
    """A whole number from ``least`` on.

    Raises:
        InputError: anything else.
    """
    made = whole(value)
    if made is None or made < least:
        raise InputError(f"{what} is {value!r}", hint=f"give a whole number, {least} or more")
    return made


def as_number(value: Any, what: str, *, positive: bool = False) -> float:
    """A number, 0 or more, or with ``positive`` more than 0.

    Raises:
        InputError: anything else.
    """
    made = number(value)
    if made is None or made < 0 or (positive and made == 0):
        hint = "give a positive number, e.g. 0.1" if positive else "give a number, 0 or more"
        raise InputError(f"{what} is {value!r}", hint=hint)
    return made


def as_name(value: Any, what: str, hint: str) -> str:
    """A text; ``hint`` says which ones there are.

    Raises:
        InputError: no text.
    """
    if not isinstance(value, str):
        raise InputError(f"{what} must be a text, got {_kind(value)}", hint=hint)
    return value


def as_path(value: Any, what: str) -> Path:
    """The path of ``what``.

    Raises:
        InputError: no path.
    """
    if isinstance(value, str) or (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)):
        return Path(value)
    raise InputError(f"{what} must be a path, got {_kind(value)}", hint="give a text or a pathlib.Path")


def _kind(value: Any) -> str:
    """A value as a message names it, by its class."""
    return "None" if value is None else type(value).__name__
