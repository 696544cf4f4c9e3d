"""Configurations: what goes in comes out, and what cannot is refused by name."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import ConfigError, OutputError
from invkit.files.config import FORMAT, read_config, write_config

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CONFIGS = st.dictionaries(TEXT.filter(lambda key: key != "format"), VALUES, max_size=4)


@given(CONFIGS, st.sampled_from([".toml", ".json"]))
def test_round_trip(config: dict[str, Any], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"run{suffix}")
        write_config(path, config)
        assert read_config(path) == {"format": FORMAT, **config}


def test_types_survive(tmp_path: Path) -> None:
    config = {"steps": 1500, "rate": 1.0, "encode": True, "shape": (1, 28, 28)}
    for suffix in (".toml", ".json"):
        write_config(tmp_path / f"a{suffix}", config)
        result = read_config(tmp_path / f"a{suffix}")
        assert [type(result[key]) for key in config] == [int, float, bool, list]


def test_none_is_for_json_only(tmp_path: Path) -> None:
    config = {"solver": {"decay": None}}
    write_config(tmp_path / "a.json", config)
    assert read_config(tmp_path / "a.json")["solver"] == {"decay": None}
    with pytest.raises(ConfigError, match=r"solver\.decay = None"):
        write_config(tmp_path / "a.toml", config)


@pytest.mark.parametrize(
    "value, named",
    [
        (np.float64(1), "float64"),
        (np.zeros(2), "ndarray"),
        ({1: 2}, "str keys"),
        (Path("a"), "Path"),
        ("\ud800", "Unicode"),
        (b"a", "bytes"),
    ],
)
@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_values_that_no_config_holds_are_named(
    tmp_path: Path, value: object, named: str, suffix: str
) -> None:
    with pytest.raises(ConfigError, match=r"priors\[0\]\.x") as caught:
        write_config(tmp_path / f"a{suffix}", {"priors": [{"x": value}]})
    assert named in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_json_has_no_nan_but_toml_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="x = nan"):
        write_config(tmp_path / "a.json", {"x": float("nan")})
    write_config(tmp_path / "a.toml", {"x": float("inf")})
    assert read_config(tmp_path / "a.toml")["x"] == float("inf")
    (tmp_path / "b.json").write_text('{"format": 1, "x": NaN}')
    with pytest.raises(ConfigError, match="NaN is not a JSON number"):
        read_config(tmp_path / "b.json")


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_newer_format_asks_for_an_upgrade(tmp_path: Path, suffix: str) -> None:
    text = {".toml": "format = 2\n", ".json": json.dumps({"format": 2})}[suffix]
    (tmp_path / f"a{suffix}").write_text(text)
    with pytest.raises(ConfigError, match=r"format 2.*pip install --upgrade"):
        read_config(tmp_path / f"a{suffix}")
    with pytest.raises(ConfigError, match="format 2"):
        write_config(tmp_path / "b.json", {"format": 2})


def test_the_record_of_a_result_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"format": 2, "status": "max_iter", "config": {}}))
    with pytest.raises(ConfigError, match=r"record of a result.*in Python the record's"):
        read_config(tmp_path / "a.json")
    (tmp_path / "config.toml").touch()
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "a.json")
    assert caught.value.hint == f"give {tmp_path / 'config.toml'}"


@pytest.mark.parametrize("version", ["0", '"1"', "true", "1.5", "-1"])
def test_a_format_that_is_no_version(tmp_path: Path, version: str) -> None:
    (tmp_path / "a.toml").write_text(f"format = {version}\n")
    with pytest.raises(ConfigError, match="expected format = 1"):
        read_config(tmp_path / "a.toml")


@pytest.mark.parametrize(
    "name, text, match",
    [
        ("a.toml", 'format = 1\nseed = "\n', r"a\.toml.*line 2"),
        ("a.json", '{"format": 1,\n "seed": }', r"a\.json.*line 2"),
        ("a.json", '{"format": 1, "seed": 1, "seed": 2}', "'seed' is given twice"),
        ("a.toml", "format = 1\nseed = 1\nseed = 2\n", "line 3"),
        ("a.json", "[1]", "expected an object"),
        ("a.json", "[" * 100_000, "malformed"),
        ("a.json", "{}", "no format"),
        ("a.toml", "", "no format"),
        ("a.yaml", "format: 1", r"unknown type of config \.yaml"),
        ("a", "format = 1", "no suffix"),
    ],
)
def test_malformed_files(tmp_path: Path, name: str, text: str, match: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_config(tmp_path / name)


def test_missing_binary_and_unwritable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the config .*none\.toml"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_config(tmp_path / "a.toml")
    with pytest.raises(OutputError):
        write_config(tmp_path / "a.toml" / "b.toml", {})
    with pytest.raises(ConfigError, match=r"\.yaml"):
        write_config(tmp_path / "a.yaml", {})


def test_a_byte_order_mark_is_forgiven(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("format = 1\n", encoding="utf-8-sig")
    assert read_config(tmp_path / "a.toml") == {"format": 1}
