"""JSON and TOML from files that anyone may have written: plain values of a bearable depth and size.

    parse_json('{"a": 1}')            # {"a": 1}
    parse_toml("a = 1")               # {"a": 1}
    parse_json("[" * 5000)            # ValueError: nested deeper than 64

Both raise ``ValueError`` alone, whatever is wrong.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any

__all__ = ["parse_json", "parse_toml"]

_DEEPEST = 64
_LARGEST = 2**63
_LONGEST, _LONGEST_TOML = 1_000_000, 300_000  # characters
_DOTS = 64
_FLOAT = re.compile(r"\d\.\d")


def parse_json(text: str | bytes, longest: int = _LONGEST) -> Any:
    """The value of a JSON text.

    Args:
        text: the text.
        longest: characters that it may have.

    Raises:
        ValueError: a syntax error, a key given twice, NaN or an infinite number, a whole number beyond 64
            bits, or a text that is too long or nested too deep.
    """
    if len(text) > longest:
        raise ValueError(f"longer than {longest:,} characters")
    try:
        value = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (at line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise ValueError(f"nested deeper than {_DEEPEST}") from error
    _check(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text.

    Raises:
        ValueError: a syntax error (with its line), a whole number beyond 64 bits, or a text that is too long
            or nested too deep.
    """
    if len(text) > _LONGEST_TOML:
        raise ValueError(f"longer than {_LONGEST_TOML:,} characters")
    if max(_FLOAT.sub("", line).count(".") for line in text.split("\n")) > _DOTS:
        raise ValueError(f"a line with more than {_DOTS} dots")  # tomllib takes their square of time
    try:
        value = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {_DEEPEST}") from error
    _check(value)
    return value


def _check(value: Any) -> None:
    """Refuse what is too deep or too large; without recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        inside: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                inside.extend(each.values())
            elif isinstance(each, list):
                inside.extend(each)
            elif type(each) is int and not -_LARGEST <= each < _LARGEST:
                raise ValueError("a whole number of more than 64 bits")
        if not inside:
            return
        level = inside
    raise ValueError(f"nested deeper than {_DEEPEST}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As TOML does: a key given twice is a mistake, not a choice of the last one."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} is given twice")
        result[key] = value
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value
