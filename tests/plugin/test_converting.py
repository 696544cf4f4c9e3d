"""Text → value, as the annotation asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.plugin.converting import convert, type_text, unwritable
from invkit.plugin.specs import Spec, option_text


class Order(StrEnum):
    JACOBI = "jacobi"


class Depth(IntEnum):
    TWO = 2


class Odd(Enum):
    OBJECT = object()


@pytest.mark.parametrize(
    ("text", "to", "value"),
    [
        ("True", bool, True),
        ("0", bool, False),
        ("1e-3", float, 1e-3),
        ("3", int | float, 3),
        ("none", str | None, None),
        ("auto", float | Literal["auto"], "auto"),
        ("2", Literal[1, 2], 2),
        ("1x28x28", tuple[int, ...], (1, 28, 28)),
        ("1+28", tuple[int, int], (1, 28)),
        ("1e+3+2", tuple[float, ...], (1000.0, 2.0)),
        ("a+bx", tuple[str, ...], ("a", "bx")),
        ("", tuple[int, ...], ()),
        ("a/b.png", Path, Path("a/b.png")),
        ("vae:blurA?x=1", Spec, Spec.parse("vae:blurA?x=1")),
        ("jacobi", Order, Order.JACOBI),
        ("2", Depth, Depth.TWO),
    ],
)
def test_values(text: str, to: Any, value: object) -> None:
    made = convert(text, to)
    assert made == value and type(made) is type(value)


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("2", bool),
        ("3.5", int),
        ("x", float),
        ("c", Literal["a"]),
        ("3", Depth),
        ("1x2", tuple[int, int, int]),
        ("x", None | int),
    ],
)
def test_refusals(text: str, to: Any) -> None:
    with pytest.raises(ValueError, match=text):
        convert(text, to)


@given(st.lists(st.floats(allow_nan=False)).map(tuple))
def test_tuples_of_numbers_round_trip(values: tuple[float, ...]) -> None:
    assert convert(option_text(values), tuple[float, ...]) == values


@given(st.lists(st.text(min_size=1)).map(tuple))
def test_tuples_of_texts_round_trip(values: tuple[str, ...]) -> None:
    assert convert(option_text(values), tuple[str, ...]) == values


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (int | None, "a whole number or none"),
        (Literal["a", "b"], "one of a, b"),
        (tuple[int, ...], "whole numbers separated by x"),
        (tuple[str, str], "2 texts separated by +"),
        (bool, "true or false"),
        (Depth, "one of 2"),
    ],
)
def test_types_in_words(to: Any, words: str) -> None:
    assert type_text(to) == words


@pytest.mark.parametrize(
    "to",
    [
        int,
        float | None,
        Path,
        Spec,
        Order,
        Depth | None,
        Literal["a", 1],
        tuple[float, ...],
        tuple[int, str] | None,
        tuple[tuple[int, ...], ...],
    ],
)
def test_what_a_text_can_stand_for_is_writable(to: Any) -> None:
    assert unwritable(to) is None


@pytest.mark.parametrize(
    "to",
    [
        list,
        list[float],
        tuple,
        Sequence[float],
        dict,
        dict[str, int],
        set[int],
        Any,
        object,
        complex,
        bytes,
        Fraction,
        Callable[[int], int],
        NewType("Size", int),
        Odd,
        Literal[b"x"],
    ],
)
def test_what_no_text_can_stand_for_is_told_wherever_it_stands(to: Any) -> None:
    for whole in (to, tuple[to, ...], tuple[int, to]):
        assert unwritable(whole) is to
    if to is not Any and to is not object:
        assert unwritable(to | None) is to
