"""Damage to files and values, made from a random stream: what a disk, a network or an enemy might do.

    damaged(rng, seeds)                    # bytes of one of some files, changed in one to four places
    replaced(rng, {"a": [1, "b"]})         # the same value with something else in one place
"""

from __future__ import annotations

import copy
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["damaged", "replaced", "with_checksums", "with_tar_checksums"]

_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
_WIDTHS = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
_MOST = 1 << 20

#: values that stand where something else is expected
_VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "\x1b[31m\x07", "../../etc/passwd", "%00", "a" * 5000, "☃"),
    *(0, 1, -1, 2**31, 2**63 - 1, 10**30, 10**400, -(10**9), 1.5, -0.0, 1e-320, 1e300, -1e300),
    *([], {}, [[]], [{}], {"kind": "x"}, {"": {}}, [1, "a", None], {"a": {"b": {"c": []}}}),
)


def damaged(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to four changes."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_CHANGES)(rng, content, seeds)
    return bytes(content[:_MOST])


def replaced(rng: random.Random, value: Any) -> Any:
    """A copy of a plain value with one to three places changed: replaced, left out, doubled, or nested."""
    made = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        made = _replaced_once(rng, made)
    return made


def with_checksums(content: bytes) -> bytes:
    """A PNG with the checksums of its chunks put right, as far as it has whole chunks."""
    made, place = bytearray(content[:8]), 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(content):
            break
        made += content[place:end] + struct.pack(">I", zlib.crc32(content[place + 4 : end]))
        place = end + 4
    return bytes(made) + content[place:]


def with_tar_checksums(content: bytes) -> bytes:
    """A tar with the checksum of each block put right that has the magic word of a header."""
    made = bytearray(content)
    for place in range(0, len(made) - 511, 512):
        if made[place + 257 : place + 262] == b"ustar":
            made[place + 148 : place + 156] = b" " * 8
            made[place + 148 : place + 156] = b"%06o\0 " % sum(made[place : place + 512])
    return bytes(made)


def _flip(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8)) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] = rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))


def _field(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    """A number of 1 to 8 bytes, most often near the beginning, where lengths stand."""
    width, form = rng.choice(_WIDTHS)
    if len(content) < width:
        return
    place = rng.randrange(min(len(content) - width + 1, rng.choice((64, 512, 1 << 30))))
    number = rng.choice((*_NUMBERS, len(content), len(content) * 1000, rng.randrange(1 << 32)))
    packed = struct.pack(rng.choice("<>") + form, number % (1 << 8 * width))
    content[place : place + width] = packed


def _truncate(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _delete(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    begin = rng.randrange(len(content) + 1)
    del content[begin : begin + rng.choice((1, 2, 4, 16, 200))]


def _double(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    begin = rng.randrange(len(content) + 1)
    piece = content[begin : begin + rng.choice((1, 4, 16, 200))]
    content[begin:begin] = piece * rng.choice((1, 1, 2, 50))


def _insert(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    begin = rng.randrange(len(content) + 1)
    content[begin:begin] = rng.randbytes(rng.choice((1, 2, 4, 30)))


def _splice(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    """The rest of the file is that of another seed, or a piece of it comes from there."""
    other = rng.choice(seeds)
    begin, there = rng.randrange(len(content) + 1), rng.randrange(len(other) + 1)
    if rng.random() < 0.5:
        content[begin:] = other[there:]
    else:
        length = rng.choice((4, 16, 64, 300))
        content[begin : begin + length] = other[there : there + length]


_CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    *(_flip, _flip, _byte, _byte, _field, _field, _field),
    *(_truncate, _delete, _double, _insert, _splice),
)


def _replaced_once(rng: random.Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return copy.deepcopy(rng.choice(_VALUES))
    holder, key = rng.choice(places)
    match rng.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case 2:
            deep = rng.choice((3, 70, 2000))
            for _ in range(deep):
                holder[key] = [holder[key]]
        case 3 if isinstance(holder, dict):
            holder[rng.choice(("kind", "name", "x", "sha256", "class", "object", "options"))] = holder[key]
        case _:
            holder[key] = copy.deepcopy(rng.choice(_VALUES))
    return value


def _places(value: Any) -> Any:
    """Every container with every key in it."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            for key in list(each) if isinstance(each, dict) else range(len(each)):
                yield each, key
                waiting.append(each[key])
