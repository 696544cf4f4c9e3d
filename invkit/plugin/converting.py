"""The text of an option → a Python value, as an annotation asks.

    >>> convert("1x28x28", tuple[int, ...]), convert("none", float | None), convert("1e-3", float)
    ((1, 28, 28), None, 0.001)
    >>> convert("maybe", bool)
    Traceback (most recent call last):
    ValueError: 'maybe' is not true or false

Nothing is guessed: the annotation decides. `unwritable` finds an annotation whose values have no text, such
as ``list[float]``; whoever reads a signature refuses it.
"""

from __future__ import annotations

import enum
import os
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import unquote

from invkit.errors import SpecError
from invkit.plugin.specs import Spec, option_text

WRITABLE = "int, float, bool, str, Path, Literal['a', 'b'] or tuple[float, ...], or one of them with | None"
"""The annotations that an option may have, for a message to the author of its class."""

_WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_PLURAL: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts", Path: "paths"}
# Numbers of a sequence are separated by "x" or "+"; the "+" of an exponent (1e+3) is none.
_BETWEEN_NUMBERS = re.compile(r"x|(?<![eE])\+")


def convert(text: str, to: Any) -> Any:
    """Return the value that ``text`` stands for.

    Args:
        text: an option's value, percent-decoded.
        to: the annotation: ``int``, ``float``, ``bool``, ``str``, ``Path``, ``Spec``, an enum, a ``Literal``,
            a ``tuple``, or a union of these (the first member that fits wins; ``none`` stands for ``None``).

    Raises:
        Exception: the text does not stand for such a value.
    """
    origin = get_origin(to)
    if choices := _choices(to):
        return _chosen(text, to, choices)
    if origin in _UNIONS:
        return _union(text, to)
    if origin is tuple:
        return _tuple(text, to)
    return _MADE_BY.get(to, to)(text)


def unwritable(to: Any) -> Any:
    """The part of an annotation whose values cannot be written as text and read again; None without one.

    >>> unwritable(tuple[float, ...] | None), unwritable(list[float] | None)
    (None, list[float])
    """
    members = get_args(to)
    if get_origin(to) in _UNIONS or (get_origin(to) is tuple and members):
        items = members[:1] if len(members) == 2 and members[1] is ... else members
        return next((part for part in map(unwritable, items) if part is not None), None)
    if choices := _choices(to):
        return None if all(map(_has_text, choices)) else to
    return None if isinstance(to, type) and issubclass(to, _WITH_TEXT) else to


def type_text(to: Any) -> str:
    """Return a type in words: ``a whole number``, ``one of fast, slow``, ``3 numbers separated by x``."""
    origin, members = get_origin(to), get_args(to)
    if origin in _UNIONS:
        return " or ".join(type_text(member) for member in members)
    if choices := _choices(to):
        return "one of " + ", ".join(map(option_text, choices))
    if origin is tuple:
        items = [_PLURAL.get(member, type_text(member)) for member in members if member is not ...]
        count = "" if ... in members else f"{len(items)} "
        mark = "x" if _all_numbers(members) else "+"
        return f"{count}{' and '.join(dict.fromkeys(items))} separated by {mark}"
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        type(None): "none",
        Path: "a path",
        Spec: "a spec",
    }
    return names.get(to, getattr(to, "__name__", str(to)))


def _boolean(text: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not true or false") from None


def _none(text: str) -> None:
    if text.lower() != "none":
        raise ValueError(f"{text!r} is not none")


_UNIONS = (Union, types.UnionType)
_MADE_BY: dict[Any, Callable[[str], Any]] = {bool: _boolean, Spec: Spec.parse, type(None): _none}
_WITH_TEXT = (int, float, str, os.PathLike, Spec, type(None))


def _all_numbers(members: tuple[Any, ...]) -> bool:
    return all(member in (int, float, ...) for member in members)


def _choices(to: Any) -> tuple[Any, ...]:
    """The values of a ``Literal`` or an enum; none of any other type."""
    if isinstance(to, enum.EnumMeta):
        return tuple(to)
    return get_args(to) if get_origin(to) is Literal else ()


def _has_text(value: Any) -> bool:
    try:
        option_text(value)
    except SpecError:
        return False
    return True


def _chosen(text: str, to: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if option_text(choice) == text:
            return choice
    raise ValueError(f"{text!r} is not {type_text(to)}")


def _tuple(text: str, to: Any) -> tuple[Any, ...]:
    members = get_args(to)
    if _all_numbers(members):
        parts = _BETWEEN_NUMBERS.split(text) if text else []
    else:
        parts = [unquote(part) for part in text.split("+")] if text else []
    inner = members[:1] * len(parts) if members[-1:] == (...,) else members
    if len(inner) != len(parts):
        raise ValueError(f"{text!r} has {len(parts)} items, expected {len(inner)}")
    return tuple(convert(part, member) for part, member in zip(parts, inner, strict=True))


def _union(text: str, to: Any) -> Any:
    # None first: "none" is also good text, but whoever allows None means it.
    for member in sorted(get_args(to), key=lambda member: member is not type(None)):
        try:
            return convert(text, member)
        except Exception:
            continue
    raise ValueError(f"{text!r} is not {type_text(to)}")
