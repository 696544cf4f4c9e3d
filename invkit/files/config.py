"""Configurations on disk: a plain dict as TOML or JSON, by the suffix of the file.

The dict has `format = 1` at the top, so that a file from a newer invkit is refused rather than misread.

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "run.toml"
>>> write_config(path, {"operator": {"kind": "operator", "name": "circconv"}, "seed": 0})
>>> print(path.read_text().splitlines()[0])
format = 1
>>> read_config(path)["seed"]
0
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invkit.arguments import as_path
from invkit.errors import ConfigError
from invkit.files.atomic import atomic_write
from invkit.files.plain import parse_json, parse_toml

FORMAT = 1
"""The version of the layout that this invkit writes, and the newest that it reads."""


_LONGEST = 1_000_001
"""Bytes of a configuration that are read; more is refused."""


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a configuration.

    Args:
        path: a `.toml` or `.json` file.

    Returns:
        The plain dict, `format` included.

    Raises:
        ConfigError: missing or unreadable file, unknown suffix, a syntax error (with its line), no `format`,
            or a `format` newer than this invkit; or the record of a result.
    """
    path = as_path(path, "a configuration")
    suffix = _suffix(path)
    try:
        with path.open("rb") as stream:
            text = stream.read(_LONGEST).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror}", hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the config {path} is not UTF-8 text", hint="save it as UTF-8") from error
    config = _parse_toml(path, text) if suffix == ".toml" else _parse_json(path, text)
    check_format(path, config)
    return config


def parse_config(source: str, text: str) -> dict[str, Any]:
    """The configuration in a TOML text; ``source`` is what messages call it.

    Raises:
        ConfigError: a syntax error, no `format`, or one newer than this invkit.
    """
    config = _parse_toml(source, text)
    check_format(source, config)
    return config


def write_config(path: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
    """Write a configuration atomically; `read_config` gives back an equal dict (tuples as lists).

    Args:
        path: a `.toml` or `.json` file.
        config: str keys; values str, int, float, bool, None (JSON only), lists and dicts of these. `format`
            is added where it is missing.

    Raises:
        ConfigError: unknown suffix, or a value that the format cannot hold, named by its key.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    suffix = _suffix(path)
    plain = _plain(config, "", toml=suffix == ".toml")
    plain = {"format": plain.pop("format", FORMAT), **plain}
    check_format(path, plain)
    if suffix == ".toml":
        import tomli_w

        text = tomli_w.dumps(plain)
    else:
        text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_write(path, text=True) as stream:
        stream.write(text)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".json"):
        raise ConfigError(
            f"unknown type of config {path.suffix or '(no suffix)'}: {path}", hint="name it .toml or .json"
        )
    return suffix


def _parse_toml(path: str | Path, text: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except ValueError as error:  # its message ends in "(at line 3, column 7)"
        raise ConfigError(f"malformed TOML in {path}: {error}", hint="mend that line") from error


def _parse_json(path: Path, text: str) -> dict[str, Any]:
    try:
        config = parse_json(text)
    except ValueError as error:
        raise ConfigError(f"malformed JSON in {path}: {error}", hint="mend that line") from error
    if not isinstance(config, dict):
        raise ConfigError(
            f"expected an object at the top of {path}, got {type(config).__name__}",
            hint='write {"format": 1, …}',
        )
    return config


def check_format(source: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
    """Refuse a configuration whose layout this invkit does not know.

    Args:
        source: what it was read from, for the message.
        config: the plain dict.

    Raises:
        ConfigError: no `format`, one that is no positive whole number, or one newer than `FORMAT`; or the
            record of a result.
    """
    if "status" in config:
        beside = Path(source).with_name("config.toml")
        raise ConfigError(
            f"{source} is the record of a result, not a configuration",
            hint=f"give {beside}"
            if isinstance(source, Path) and beside.is_file()
            else 'give config.toml of the same run, or in Python the record\'s "config"',
        )
    version = config.get("format")
    if version is None:
        raise ConfigError(f"no format in the config {source}", hint=f"add format = {FORMAT} at the top")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ConfigError(
            f"expected format = {FORMAT} in {source}, got {version!r}", hint=f"write format = {FORMAT}"
        )
    if version > FORMAT:
        raise ConfigError(
            f"{source} has format {version}, written by a newer invkit; this one reads up to {FORMAT}",
            hint="upgrade: pip install --upgrade invkit",
        )


def _plain(value: Any, where: str, *, toml: bool) -> Any:
    """A copy of `value` made of what the file can hold; anything else is an error that names its key."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ConfigError(f"expected str keys in {where or 'the config'}, got {list(value)!r}")
        return {
            key: _plain(item, f"{where}.{key}" if where else key, toml=toml) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", toml=toml) for i, item in enumerate(value)]
    if isinstance(value, str):
        if not value.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise ConfigError(f"{where} = {value!r} is not valid Unicode text")
        return str(value)
    if isinstance(value, float) and not toml and not math.isfinite(value):
        raise ConfigError(f"{where} = {value} cannot be written as JSON", hint="use a .toml config")
    if value is None and toml:
        raise ConfigError(
            f"{where} = None cannot be written as TOML", hint="leave it out, or use a .json config"
        )
    # Exact types: numpy's float64 is a float, and would write itself as "np.float64(1.0)".
    if value is None or type(value) in (bool, int, float):
        return value
    raise ConfigError(
        f"{where} = {value!r} is a {type(value).__name__}",
        hint="a config holds str, int, float, bool, lists and dicts",
    )
