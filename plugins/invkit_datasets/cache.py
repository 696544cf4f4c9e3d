"""Decoded images on disk: each set is decoded once, then read by index from a memory map.

    images = decoded("celeba", key, 15_062, (3, 64, 64), signals)    # an iterable of uint8 (3, 64, 64)
    images[[5, 3]]                                                   # uint8 (2, 3, 64, 64), read from the map

The file is a plain npy array of bytes with its CRC-32 behind it, so that numpy opens it and nothing damaged
is trusted: a file of another shape, size or checksum is decoded again. It appears complete or not at all;
two processes that decode at once write the same bytes, and the later one wins. It lies in ``$INVKIT_CACHE``,
or else in ``datasets/`` in the user's own cache folder, and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import platformdirs
from jaxtyping import UInt8

from invkit.errors import OutputError
from invkit.files.atomic import atomic_write

__all__ = ["cache_folder", "cache_key", "decoded"]

_VERSION = 1  # raise it where the same sources would be decoded to other bytes
_PIECE = 1 << 24


def cache_folder() -> Path:
    """Return the folder of decoded sets: ``$INVKIT_CACHE``, or ``datasets/`` in the user's cache."""
    if folder := os.environ.get("INVKIT_CACHE"):
        return Path(folder).expanduser()
    return Path(platformdirs.user_cache_dir("invkit")) / "datasets"


def cache_key(parts: Iterable[str]) -> str:
    """Return the sha256 of a list of texts: the sources with their stamps, and how they are decoded."""
    digest = hashlib.sha256(f"{_VERSION}".encode())
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(f"\n{len(encoded)} ".encode() + encoded)
    return digest.hexdigest()


def decoded(
    name: str,
    key: str,
    count: int,
    shape: tuple[int, ...],
    signals: Iterable[UInt8[np.ndarray, "..."]],
) -> UInt8[np.ndarray, "count *signal"]:
    """Return all signals as a read-only memory map, decoding them first where that is not done yet.

    Args:
        name: the data set, which begins the file's name.
        key: of `cache_key`.
        count: the number of signals.
        shape: of one signal.
        signals: as many of that shape, in order; not looked at where they are kept already.

    Raises:
        InputError: what ``signals`` raises; nothing is left behind.
        OutputError: the cache folder cannot be written; the message says how to choose another.
    """
    if count == 0:
        return np.empty((0, *shape), dtype=np.uint8)
    path = cache_folder() / f"{name}-{key[:32]}.npy"
    kept = _open(path, (count, *shape))
    if kept is None:
        _write(path, name, (count, *shape), signals)
        kept = _open(path, (count, *shape))
    if kept is None:
        raise OutputError(f"{path} is damaged again right after it was written", hint="check the disk")
    return kept


def _write(
    path: Path, name: str, shape: tuple[int, ...], signals: Iterable[UInt8[np.ndarray, "..."]]
) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    checksum = 0
    progress = _Progress(name, shape[0])
    try:
        with atomic_write(path) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for index, signal in zip(range(shape[0]), signals, strict=True):
                content = signal.tobytes()
                checksum = zlib.crc32(content, checksum)
                stream.write(content)
                progress(index + 1)
            stream.write(struct.pack(">I", checksum))
    except OutputError as error:
        raise OutputError(
            error.message, hint="set INVKIT_CACHE to a folder that you may write to and that has room"
        ) from error
    finally:
        progress.close()


def _open(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."] | None:
    """Map a cached file; None where it is missing or not what was written."""
    try:
        kept = np.lib.format.open_memmap(path, mode="r")
        with path.open("rb") as stream:
            stream.seek(-4, os.SEEK_END)
            (expected,) = struct.unpack(">I", stream.read(4))
    except (OSError, ValueError, EOFError):
        return None
    whole = kept.offset + kept.size + 4 == path.stat().st_size
    if kept.shape != shape or kept.dtype != np.uint8 or not kept.flags.c_contiguous or not whole:
        return None
    flat, checksum = kept.reshape(-1), 0
    for start in range(0, flat.size, _PIECE):
        checksum = zlib.crc32(flat[start : start + _PIECE].tobytes(), checksum)
    return kept if checksum == expected else None


class _Progress:
    """A line on stderr that counts, twice a second, where stderr is a terminal."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")
        self._shown = False

    def __call__(self, done: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next, self._shown = time.monotonic() + 0.5, True
        sys.stderr.write(f"\rdecoding {self._name}: {done:,} of {self._total:,}")
        sys.stderr.flush()

    def close(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
