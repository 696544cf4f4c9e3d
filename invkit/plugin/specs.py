"""Spec strings: what to use, by name, in one line.

    spec   = kind [ ":" name ] [ "?" option { ("," | "&") option } ]
    kind   = [a-z][A-Za-z0-9_-]*     option = key "=" value     key = a Python identifier

    >>> spec = Spec.parse("wavelet:db4?level=3")
    >>> spec.kind, spec.name, dict(spec.options)
    ('wavelet', 'db4', {'level': '3'})
    >>> str(spec)
    'wavelet:db4?level=3'
    >>> Spec.from_dict({"kind": "altgd", "steps": 1500, "gamma": 0.01})
    Spec('altgd?steps=1500,gamma=0.01')

Values stay strings until the target's own annotations convert them (`invkit.plugin.building`); nothing is
guessed here. Names and values are percent-decoded, so that any file name can be given:
``known:my%3Fkernel.png``. In a kind, capitals are allowed after the first letter, for the kernel families of
the paper (``blurA``).
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from invkit.errors import SpecError

GRAMMAR = "a kind is a lower-case letter, then letters, digits, '-' or '_'"
KIND = re.compile(r"[a-z][A-Za-z0-9_-]*")
_SPEC = re.compile(r"(?P<kind>[^:?]*)(?::(?P<name>[^?]*))?(?:\?(?P<options>.*))?", re.DOTALL)
_EXAMPLE = "write kind:name?option=value, for example vae:blurA or wavelet:db4?level=3"
# Everything a path or a number needs stays readable; only the grammar's own marks are encoded.
_SAFE_IN_NAME = "/:.,=&+@~!$'()*;[] \\#<>{}^`\""
_SAFE_IN_VALUE = _SAFE_IN_NAME.replace(",", "").replace("&", "") + "?"


class Options(Mapping[str, str]):
    """An immutable, hashable mapping of options that keeps their order.

    Args:
        items: the options; values must be strings.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self._items: dict[str, str] = dict(items or {})

    def __getitem__(self, key: str) -> str:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


@dataclasses.dataclass(frozen=True, repr=False, slots=True)
class Spec:
    """A part by name: its kind, its name and its options.

    Args:
        kind: the registered name, e.g. ``"vae"``, ``"circconv"``.
        name: what the kind is asked for, e.g. ``"blurA"``; ``None`` where there is none.
        options: key → value, both strings.

    Raises:
        SpecError: a kind or key outside the grammar, or an empty name.
    """

    kind: str
    name: str | None = None
    options: Mapping[str, str] = dataclasses.field(default_factory=Options)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", Options(self.options))
        if not KIND.fullmatch(self.kind):
            raise SpecError(f"a spec does not start with a kind: {self.kind!r}; {GRAMMAR}", hint=_EXAMPLE)
        if self.name == "":
            raise SpecError(f"the spec {self.kind!r} has an empty name after ':'", hint=_EXAMPLE)
        for key in self.options:
            if not (key.isascii() and key.isidentifier()) or key in ("kind", "name"):
                raise SpecError(
                    f"the spec {self.kind!r} has the option key {key!r}, which is not allowed", hint=_EXAMPLE
                )

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read ``kind:name?key=value,key=value``.

        Args:
            text: the spec string.

        Returns:
            The spec; ``Spec.parse(str(spec)) == spec`` for every spec.

        Raises:
            SpecError: anything outside the grammar.
        """
        match = _SPEC.fullmatch(text)
        assert match is not None  # the pattern takes every string
        kind, name, tail = match["kind"], match["name"], match["options"]
        return cls(kind, None if name is None else _decode(name), _options(text, tail))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Spec:
        """Read ``{"kind": …, "name": …, option: value, …}``, as TOML and JSON hold it.

        Args:
            values: option values may be strings, numbers, booleans, ``None``, paths, or lists of these.

        Raises:
            SpecError: no kind, or a value that has no text form.
        """
        kind, name = values.get("kind"), values.get("name")
        if not isinstance(kind, str):
            raise SpecError(f'a spec given as a table needs kind = "…", got {kind!r}', hint=_EXAMPLE)
        if not (name is None or isinstance(name, str | os.PathLike)):
            raise SpecError(f"the name of {kind!r} must be text, got {name!r}", hint=_EXAMPLE)
        options = {
            str(key): option_text(value) for key, value in values.items() if key not in ("kind", "name")
        }
        return cls(kind, None if name is None else os.fspath(name), options)

    def to_dict(self) -> dict[str, str]:
        """Return ``{"kind": …, "name": … (where there is one), option: value, …}``."""
        head = {"kind": self.kind} if self.name is None else {"kind": self.kind, "name": self.name}
        return {**head, **self.options}

    def __str__(self) -> str:
        """Return the spec string, percent-encoded where the grammar needs it."""
        name = "" if self.name is None else ":" + _encode(self.name, _SAFE_IN_NAME)
        options = ",".join(f"{key}={_encode(value, _SAFE_IN_VALUE)}" for key, value in self.options.items())
        return self.kind + name + ("?" + options if options else "")

    def __repr__(self) -> str:
        return f"Spec({str(self)!r})"


def option_text(value: object) -> str:
    """Return the text of an option's value: ``True → "true"``, ``None → "none"``, ``(1, 28) → "1+28"``.

    Args:
        value: a string, number (numpy's scalars too), boolean, ``None``, path, spec, or a sequence of these.

    Raises:
        SpecError: a value of another type.
    """
    if getattr(value, "ndim", None) == 0:  # a scalar of numpy or torch
        value = value.item()  # type: ignore[attr-defined]
    match value:
        case enum.Enum():
            return option_text(value.value)
        case str():
            return value
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value).replace("e+", "e")  # "+" separates the items of a sequence
        case os.PathLike():
            return str(os.fspath(value))
        case Spec():
            return str(value)
        case list() | tuple():
            return "+".join(option_text(item).replace("%", "%25").replace("+", "%2B") for item in value)
    raise SpecError(f"an option has the value {value!r}, expected text, a number, true, false or a list")


def _options(text: str, tail: str | None) -> dict[str, str]:
    """Split ``key=value,key=value``; ``text`` is the whole spec, for the message."""
    options: dict[str, str] = {}
    for part in re.split("[,&]", tail) if tail is not None else ():
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise SpecError(f"{text!r} has the option {part!r}, expected key=value", hint=_EXAMPLE)
        if key in options:
            raise SpecError(f"{text!r} gives the option {key!r} twice", hint="give it once")
        options[key] = _decode(value)
    return options


def _encode(text: str, safe: str) -> str:
    """Percent-encode; undecodable bytes of file names (surrogate escapes) survive."""
    kept = (c if c in safe or c.isalnum() else quote(c, safe="", errors="surrogateescape") for c in text)
    return "".join(kept)


def _decode(text: str) -> str:
    return unquote(text, errors="surrogateescape")
