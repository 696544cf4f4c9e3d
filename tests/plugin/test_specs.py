"""Spec strings: the grammar, the round trips, and what a malformed one is told."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invkit.errors import SpecError
from invkit.plugin.specs import Options, Spec, option_text

kinds = st.from_regex(r"[a-z][A-Za-z0-9_-]*", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).filter(
    lambda key: key not in ("kind", "name")
)
specs = st.builds(Spec, kinds, st.none() | st.text(min_size=1), st.dictionaries(keys, st.text(), max_size=4))


@given(specs)
@example(Spec("known", "a?b,c&d=e:f%20/ü\n.png", {"x": "1,2&3=4?%25+"}))
def test_text_and_table_round_trip(spec: Spec) -> None:
    assert Spec.parse(str(spec)) == spec
    assert list(Spec.parse(str(spec)).options.items()) == list(spec.options.items())
    assert Spec.from_dict(spec.to_dict()) == spec


@given(st.text())
def test_any_text_is_a_spec_or_a_spec_error(text: str) -> None:
    try:
        spec = Spec.parse(text)
    except SpecError:
        return
    assert Spec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "kind", "name", "options"),
    [
        ("circconv", "circconv", None, {}),
        ("vae:blurA", "vae", "blurA", {}),
        ("blurA", "blurA", None, {}),
        ("altgd?steps=1500", "altgd", None, {"steps": "1500"}),
        ("wavelet:db4?level=3,mode=zero", "wavelet", "db4", {"level": "3", "mode": "zero"}),
        ("wavelet:db4?level=3&mode=zero", "wavelet", "db4", {"level": "3", "mode": "zero"}),
        ("known:a:b/c d.png", "known", "a:b/c d.png", {}),
        ("known:my%3Fkernel.png", "known", "my?kernel.png", {}),
        ("altgd?start=known:a=b", "altgd", None, {"start": "known:a=b"}),
        ("altgd?x=", "altgd", None, {"x": ""}),
    ],
)
def test_examples(text: str, kind: str, name: str | None, options: dict[str, str]) -> None:
    spec = Spec.parse(text)
    assert (spec.kind, spec.name, dict(spec.options)) == (kind, name, options)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not start with a kind"),
        ("Vae:x", "does not start with a kind"),
        (":blurA", "does not start with a kind"),
        ("vae blurA", "does not start with a kind"),
        ("vae:", "empty name"),
        ("vae:?a=1", "empty name"),
        ("vae:x?", "expected key=value"),
        ("vae:x?a", "expected key=value"),
        ("vae:x?a=1,,b=2", "expected key=value"),
        ("vae:x?=1", "expected key=value"),
        ("vae:x?a=1,a=2", "twice"),
        ("vae:x?a-b=1", "not allowed"),
        ("vae:x?name=1", "not allowed"),
    ],
)
def test_malformed_text_is_told_what_is_wrong_and_what_to_type(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        Spec.parse(text)
    assert caught.value.hint


def test_tables_hold_real_values() -> None:
    spec = Spec.from_dict(
        {"kind": "a1", "name": Path("k.png"), "n": 3, "on": True, "x": 1e20, "none": None, "shape": [1, 28]}
    )
    assert spec.name == "k.png"
    assert dict(spec.options) == {"n": "3", "on": "true", "x": "1e20", "none": "none", "shape": "1+28"}


@given(st.floats(allow_nan=False))
def test_numbers_survive_as_text(value: float) -> None:
    assert float(option_text(value)) == value
    assert "+" not in option_text(value)


@pytest.mark.parametrize(
    "table", [{}, {"kind": 3}, {"kind": "vae", "name": 3}, {"kind": "vae", "x": object()}]
)
def test_malformed_tables(table: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        Spec.from_dict(table)


def test_specs_are_values() -> None:
    spec = Spec.parse("vae:blurA?x=1")
    assert copy.deepcopy(spec) == pickle.loads(pickle.dumps(spec)) == spec
    assert hash(spec) == hash(Spec.parse("vae:blurA?x=1"))
    assert repr(spec) == "Spec('vae:blurA?x=1')"
    assert isinstance(spec.options, Options)
    with pytest.raises(TypeError):
        spec.options["x"] = "2"  # type: ignore[index]
