"""JSON and TOML of any content: a plain value, or a ValueError."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.files.plain import parse_json, parse_toml

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_json_comes_back(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    for parse in (parse_json, parse_toml):
        try:
            parse(text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", r"line 1, column 2"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ("[NaN]", "NaN is not"),
        ("[-Infinity]", "Infinity is not"),
        ("[1e999]", "too large"),
        ("[" * 100 + "]" * 100, "deeper than 64"),
        ("[" * 100_000, "deeper than 64"),
        (f"[{2**63}]", "64 bits"),
        ("9" * 5000, "digits"),
        ('"' + "a" * 1_000_000 + '"', "longer than"),
    ],
)
def test_json_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = =", "line 1"),
        ("a = " + "[" * 100 + "]" * 100, "deeper than 64"),
        ("a = " + "[" * 20_000, "deeper than 64"),
        (f"a = {2**70}", "64 bits"),
        ("a = " + "9" * 5000, "digits"),
        ("a." * 10_000 + "b = 1", "64 dots"),
        ('"=".' * 10_000 + "b = 1", "64 dots"),
        ("1." * 10_000 + "b = 1", "64 dots"),
        ("#" * 300_001, "longer than"),
    ],
)
def test_toml_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_toml(text)


def test_toml_of_many_numbers_is_read() -> None:
    numbers = [0.25 * k for k in range(500)]
    assert parse_toml(f"a = {numbers}\nb = inf") == {"a": numbers, "b": math.inf}
