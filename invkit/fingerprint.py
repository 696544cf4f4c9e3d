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
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from os import PathLike
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from invkit.plugin.specs import Spec

__all__ = ["fingerprint", "tensors_sha256"]

_PLAIN = (bool, int, float, complex, str, bytes, enum.Enum, PathLike, np.generic, torch.dtype)
_NAMED = "_invkit_named"


def fingerprint(part: object) -> str:
    """The sha256 of all of an object's state, in hexadecimal."""
    return _digest(_leaves(part, "", ()))


def tensors_sha256(part: object) -> str | None:
    """The sha256 of an object's tensors, by name; None where it holds none."""
    tensors = [(path, value) for path, value in _leaves(part, "", ()) if isinstance(value, Tensor)]
    return _digest(tensors) if tensors else None


def _leaves(value: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Tensors and plain values with the way to them; ``above`` are the objects on that way."""
    if isinstance(value, (Tensor, np.ndarray, *_PLAIN)):
        yield path, value
        return
    if isinstance(value, Spec):
        yield path, str(value)
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
    cache = any(isinstance(vars(cls).get(name), cached_property) for cls in type(holder).__mro__)
    private = name.startswith("_") and isinstance(value, list | dict | set)
    return name != _NAMED and not cache and not private


def _digest(leaves: Iterable[tuple[str, Any]]) -> str:
    digest = hashlib.sha256()
    known: dict[Any, str] = {}  # a tensor may be held by several names
    for path, value in leaves:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            text = _tensor_text(torch.from_numpy(value.astype(value.dtype.newbyteorder("="))))
        elif isinstance(value, Tensor):
            key = (value.data_ptr(), value.device, value.dtype, value.shape, value.stride(), value.is_conj())
            text = known.get(key) or known.setdefault(key, _tensor_text(value.detach()))
        else:
            text = repr(value)
        digest.update(f"{path}={type(value).__name__} {text}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _tensor_text(tensor: Tensor) -> str:
    """A tensor's dtype, shape and the sha256 of its values."""
    held = _least_precise(tensor)
    if held.is_meta or held.numel() == 0:  # an empty tensor cannot be viewed as bytes
        return f"{held.dtype} {tuple(held.shape)}"
    flat = held.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    values = hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()
    return f"{held.dtype} {tuple(held.shape)} {values}"


def _least_precise(tensor: Tensor) -> Tensor:
    """Single precision where that changes no value, so that ``prior.double()`` is the same prior."""
    if tensor.dtype != torch.float64:
        return tensor
    single = tensor.float()
    return single if torch.equal(single.double(), tensor) else tensor
