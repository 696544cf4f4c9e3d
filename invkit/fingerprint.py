"""Digests of an object's state: has it changed since it was built?

    before = fingerprint(prior)
    prior.network.decoder[0].weight.mul_(2)
    fingerprint(prior) == before                # False

The state is every tensor's values and every plain attribute, through submodules and attrs records. Devices do
not count, nor does the precision of numbers that stay the same. What an object keeps to save work does not
count either, as long as it is in a ``cached_property`` or in a private list, dict or set.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from os import PathLike
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["fingerprint", "tensors_sha256"]

_PLAIN = (bool, int, float, complex, str, bytes, enum.Enum, PathLike, np.generic, torch.dtype)
_NAMED = "_invkit_named"


def fingerprint(part: object) -> str:
    """The sha256 of all of an object's state, in hexadecimal."""
    digest = hashlib.sha256()
    for path, value in _leaves(part, "", ()):
        _feed(digest, path, value)
    return digest.hexdigest()


def tensors_sha256(part: object) -> str | None:
    """The sha256 of an object's tensors, by name; None where it holds none."""
    digest, found = hashlib.sha256(), False
    for path, value in _leaves(part, "", ()):
        if isinstance(value, Tensor):
            _feed(digest, path, value)
            found = True
    return digest.hexdigest() if found else None


def _leaves(value: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Tensors and plain values with the way to them; ``above`` are the objects on that way."""
    if isinstance(value, (Tensor, np.ndarray, *_PLAIN)):
        yield path, value
        return
    if id(value) in above:
        return
    if isinstance(value, Mapping):
        inside: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        inside = list(enumerate(value))
    elif isinstance(value, set | frozenset):
        inside = list(enumerate(sorted(value, key=repr)))
    elif isinstance(value, nn.Module) or attrs.has(type(value)) or not above:
        inside = _attributes(value)
    else:
        return  # a function, a file, an object of another library
    for name, item in inside:
        yield from _leaves(item, f"{path}.{name}", (*above, id(value)))


def _attributes(holder: Any) -> list[tuple[str, Any]]:
    """The attributes that make an object's state, by name; a module's parameters and buffers among them."""
    values = dict(vars(holder)) if hasattr(holder, "__dict__") else {}
    if isinstance(holder, nn.Module):
        for group in ("_parameters", "_buffers", "_modules"):
            values |= values.pop(group)
    if attrs.has(type(holder)):
        values |= {field.name: getattr(holder, field.name, None) for field in attrs.fields(type(holder))}
    return sorted((name, value) for name, value in values.items() if _counts(holder, name, value))


def _counts(holder: Any, name: str, value: Any) -> bool:
    """Whether an attribute is state, and neither a cache nor what invkit has noted."""
    cache = isinstance(inspect.getattr_static(type(holder), name, None), cached_property)
    private = name.startswith("_") and isinstance(value, list | dict | set)
    return name != _NAMED and not cache and not private


def _feed(digest: Any, path: str, value: Any) -> None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
    if not isinstance(value, Tensor):
        digest.update(f"{path}={type(value).__name__} {value!r}\0".encode(errors="surrogatepass"))
        return
    held = _least_precise(value.detach())
    digest.update(f"{path}={held.dtype} {tuple(held.shape)}\0".encode())
    if not held.is_meta:
        flat = held.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        digest.update(memoryview(flat.view(torch.uint8).numpy()))


def _least_precise(tensor: Tensor) -> Tensor:
    """Single precision where that changes no value, so that ``prior.double()`` is the same prior."""
    if tensor.dtype != torch.float64:
        return tensor
    single = tensor.float()
    return single if torch.equal(single.double(), tensor) else tensor
