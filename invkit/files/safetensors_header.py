"""The outside of a `.safetensors` file: its header, checked, and a digest of its content, without torch.

The format: 8 bytes little-endian length of the header; the header, JSON; the tensors' bytes. The header maps
each name to `{"dtype", "shape", "data_offsets": [begin, end]}`, and `"__metadata__"` to a flat dict of
strings. Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any

import attrs

from invkit.errors import WeightsError
from invkit.files.plain import parse_json

_LARGEST_HEADER = 4_000_000  # bytes; ours have some ten thousand
#: bytes of a number, by the name of its type; torch computes with no other
_ITEM = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_REMEDY = "fetch or train the file again"


@attrs.frozen
class Header:
    """What a `.safetensors` header says.

    Args:
        metadata: the flat dict of strings.
        tensors: name → `(dtype, shape, begin, end)`, the offsets in bytes after the header.
        start: where in the file the tensors' bytes begin.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, tuple[str, tuple[int, ...], int, int]]
    start: int


def read_header(path: Path, stream: BufferedIOBase, size: int) -> Header:
    """Parse and check the header at the start of `stream`, and the length of the file against it.

    Args:
        path: the file's name, for messages.
        stream: the file's bytes.
        size: how many there are.

    Raises:
        WeightsError: not a safetensors file, truncated, or longer than its header says.
    """
    prefix = stream.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or not 2 <= length <= _LARGEST_HEADER:
        raise WeightsError(f"{path} is not a safetensors file", hint=_REMEDY)
    text = stream.read(length)
    if len(text) < length:
        raise WeightsError(f"{path} is truncated inside its header", hint=_REMEDY)
    try:
        content = parse_json(text.decode(), _LARGEST_HEADER)
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        metadata = content.pop("__metadata__", {})
        tensors = {name: _entry(entry) for name, entry in content.items()}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("the metadata holds something else than strings")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"the header of {path} cannot be parsed: {error}", hint=_REMEDY) from error
    start = 8 + length
    wanted = start + max((end for *_, end in tensors.values()), default=0)
    if size != wanted:
        state = "truncated" if size < wanted else "too long"
        raise WeightsError(f"{path} is {state}: {size} bytes, its header asks for {wanted}", hint=_REMEDY)
    return Header(metadata, tensors, start)


def content_sha256(header: Header, content: bytes, card: Mapping[str, Any]) -> str:
    """The sha256 over the card and, ordered by name, the tensors' names, dtypes, shapes and bytes.

    It does not depend on the order in which a writer lays out tensors or keys.
    """
    digest = hashlib.sha256(canonical(card).encode())
    view = memoryview(content)[header.start :]
    for name, (dtype, shape, begin, end) in sorted(header.tensors.items()):
        digest.update(canonical([name, dtype, list(shape), end - begin]).encode())
        digest.update(view[begin:end])
    return digest.hexdigest()


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """A complete file without metadata, given some.

    The reference implementation writes metadata in random order; here the same input gives the same bytes, so
    that a training run can be repeated to the same sha256.
    """
    length = int.from_bytes(content[:8], "little")
    tensors = json.loads(content[8 : 8 + length])
    header = {"__metadata__": dict(sorted(metadata.items())), **tensors}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the tensors to 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def canonical(value: Any) -> str:
    """JSON with sorted keys and nothing optional: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _entry(entry: Mapping[str, Any]) -> tuple[str, tuple[int, ...], int, int]:
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)) or begin > end:
        raise ValueError("a shape or offset is not a non-negative integer")
    dtype = entry["dtype"]
    if dtype not in _ITEM:
        raise ValueError(f"tensors of type {dtype!r}; known are {', '.join(_ITEM)}")
    if prod(shape) * _ITEM[dtype] != end - begin:
        raise ValueError(f"{end - begin} bytes for a tensor {dtype} {shape}")
    return dtype, shape, begin, end
