"""Decoded images on disk: each set is decoded once, then read by index from a memory map.

    images = decoded("celeba", parts, 15_062, (3, 64, 64), signals)  # an iterable of uint8 (3, 64, 64)
    images[[5, 3]]                                                   # uint8 (2, 3, 64, 64), read from the map

The file is a plain npy array of bytes with its CRC-32 behind it: numpy can open it, and a damaged file is
noticed. A file of another shape, size or checksum is decoded again. It appears complete or not at all. Two
processes that decode at once write the same bytes, and the later one wins. The files may be deleted at any
time. They lie in ``$INVKIT_CACHE``, by default in ``datasets/`` in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
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


def cache_folder() -> Path:
    """Return the folder of decoded sets: ``$INVKIT_CACHE``, or ``datasets/`` in the user's cache."""
    if folder := os.environ.get("INVKIT_CACHE"):
        return Path(folder).expanduser()
    return Path(platformdirs.user_cache_dir("invkit")) / "datasets"


def cache_key(parts: Iterable[str]) -> str:
    """Return the sha256 of a list of texts."""
    digest = hashlib.sha256(f"{_VERSION}".encode())
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(f"\n{len(encoded)} ".encode() + encoded)
    return digest.hexdigest()


def decoded(
    name: str,
    parts: Iterable[str],
    count: int,
    shape: tuple[int, ...],
    signals: Iterable[UInt8[np.ndarray, "..."]],
) -> UInt8[np.ndarray, "count *signal"]:
    """Return all signals as a read-only memory map, decoding them first unless the cache has them.

    Args:
        name: the data set, which begins the file's name.
        parts: what determines the decoded bytes: the sources with their stamps, and the way of decoding.
        count: the number of signals.
        shape: of one signal.
        signals: ``count`` signals in order; not iterated over if the cache has them.

    Raises:
        InputError: raised by ``signals``; nothing is left behind.
        OutputError: the cache folder cannot be written; the message says how to choose another.
    """
    if count == 0:
        return np.empty((0, *shape), dtype=np.uint8)
    path = cache_folder() / f"{name}-{cache_key(parts)[:32]}.npy"
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
    from rich.console import Console
    from rich.progress import track

    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    checksum = 0
    shown = track(
        zip(range(shape[0]), signals, strict=True),
        f"decoding {name}",
        shape[0],
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    try:
        with atomic_write(path) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for _, signal in shown:
                content = signal.tobytes()
                checksum = zlib.crc32(content, checksum)
                stream.write(content)
            stream.write(struct.pack(">I", checksum))
    except OutputError as error:
        raise OutputError(
            error.message, hint="set INVKIT_CACHE to a folder that you may write to and that has room"
        ) from error


def _open(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."] | None:
    """Map a cached file; return None if it is missing or damaged."""
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
    return kept if zlib.crc32(kept.data) == expected else None
