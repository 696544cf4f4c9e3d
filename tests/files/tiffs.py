"""TIFF files of any layout, made byte by byte: what the tests read was written by no library they use."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

_SIZES = {3: "H", 4: "I", 16: "Q"}


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of samples, (height, samples a row), packed with the highest bit first; each row begins a byte."""
    digits = (values[:, :, None].astype(np.uint64) >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & 1
    return np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def write_tiff(
    path: Path,
    strips: Sequence[bytes],
    width: int,
    height: int,
    bits: int,
    *,
    samples: int = 1,
    photometric: int = 1,
    order: str = "<",
    big: bool = False,
    deflate: bool = False,
    more: Mapping[int, Sequence[int]] = {},
) -> Path:
    """Write one directory and then its strips.

    Args:
        strips: their bytes, before compression.
        order: ``<`` or ``>``.
        big: BigTIFF.
        deflate: compress the strips.
        more: further tags of 16-bit numbers, e.g. ``{339: [3]}`` for floats.
    """
    stored = [zlib.compress(strip) for strip in strips] if deflate else list(strips)
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * samples),
        259: (3, [8 if deflate else 1]),
        262: (3, [photometric]),
        273: (4, [0] * len(stored)),
        277: (3, [samples]),
        278: (4, [-(-height * (samples if more.get(284) == [2] else 1) // len(stored))]),
        279: (4, [len(strip) for strip in stored]),
        **{tag: (3, values) for tag, values in more.items()},
    }
    head, entry, word = (16, 20, "Q") if big else (8, 12, "I")
    start = head + (8 if big else 2) + entry * len(tags) + (8 if big else 4)

    def laid_out(offsets: Sequence[int]) -> bytes:
        tags[273] = (4, offsets)
        entries, beyond = b"", b""
        for tag in sorted(tags):
            kind, values = tags[tag]
            data = struct.pack(f"{order}{len(values)}{_SIZES[kind]}", *values)
            entries += struct.pack(f"{order}HH{word}", tag, kind, len(values))
            if len(data) <= struct.calcsize(word):
                entries += data.ljust(struct.calcsize(word), b"\0")
            else:
                entries += struct.pack(order + word, start + len(beyond))
                beyond += data
        mark = b"II" if order == "<" else b"MM"
        first = struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
        count = struct.pack(order + ("Q" if big else "H"), len(tags))
        return mark + first + count + entries + bytes(struct.calcsize(word)) + beyond

    end = len(laid_out([0] * len(stored)))
    offsets = [end + sum(map(len, stored[:number])) for number in range(len(stored))]
    path.write_bytes(laid_out(offsets) + b"".join(stored))
    return path
