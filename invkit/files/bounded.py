"""Reading compressed bytes from a file that may be hostile: never more than was announced and is believable.

    check_ratio("X in a.mat", announced=4_000_000, held=130_000)   # before anything is allocated
    stream = Inflated(file, held=130_000)                          # zlib data, from where the file stands
    stream.read(4_000_000)                                         # all of them, or ValueError
    open_member(archive, info)                                     # a file inside a zip archive

A few kilobytes of zlib data can unpack to a thousand times as much. Data that are worth reading do not: a
file that announces more than :data:`RATIO` times its own bytes, and more than :data:`FREE` bytes, is refused.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["FREE", "RATIO", "Inflated", "Readable", "check_ratio", "open_member", "read_exactly"]

RATIO = 20
"""How many times its compressed bytes something may take; pictures and arrays of numbers stay below 10."""

FREE = 64_000_000
"""Bytes that anything may unpack to, however small it was."""

_PIECE = 1 << 18


@runtime_checkable
class Readable(Protocol):
    """Bytes in their order: a file, or one inside an archive."""

    def read(self, count: int = -1, /) -> bytes:
        """The next bytes, fewer at the end."""
        ...

    def tell(self) -> int:
        """Bytes that were read."""
        ...


def check_ratio(what: str, announced: int, held: int, ratio: int = RATIO) -> None:
    """Refuse to unpack what is too large for the bytes that it comes from.

    Args:
        what: what is to be unpacked, for the message.
        announced: bytes that it says it unpacks to.
        held: compressed bytes.
        ratio: how many times as much is believable.

    Raises:
        ValueError: it is more than `FREE` and more than ``ratio`` times as much.
    """
    if announced > max(FREE, ratio * held):
        raise ValueError(f"{what} says that it unpacks from {held:,} bytes to {announced:,}")


def read_exactly(stream: Readable, count: int) -> bytes:
    """The next bytes of a file; ValueError where there are fewer."""
    content = stream.read(count)
    if len(content) < count:
        raise ValueError(f"truncated: {len(content)} bytes of {count}")
    return content


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> zipfile.ZipExtFile:
    """Open a file inside a zip archive; at most the size that the archive announces can be read from it.

    Raises:
        ValueError: it is compressed in a rare way, unpacks to far more than itself, or says that it takes
            more bytes than the archive has.
    """
    if info.header_offset + info.compress_size > archive.start_dir:
        raise ValueError(f"{info.filename} says that it takes {info.compress_size:,} bytes of the archive")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is compressed by method {info.compress_type}, not by deflate")
    check_ratio(info.filename, info.file_size, info.compress_size)
    opened = archive.open(info)
    assert isinstance(opened, zipfile.ZipExtFile)
    return opened


class Inflated:
    """The unpacked bytes of zlib data inside a file, read piece by piece.

    Args:
        stream: the file; other readers of it must leave its place alone.
        held: the compressed bytes, from where the file stands.
    """

    def __init__(self, stream: Readable, held: int) -> None:
        self._stream, self._left = stream, held
        self._inflate = zlib.decompressobj()

    def read(self, count: int) -> bytes:
        """The next ``count`` bytes; ValueError where there are fewer, or the data are damaged."""
        content = bytearray(count)
        self._fill(memoryview(content))
        return bytes(content)

    def array(self, dtype: np.dtype, count: int) -> npt.NDArray[np.generic]:
        """The next ``count`` numbers, without a second copy of them."""
        values = np.empty(count, dtype)
        self._fill(values.data.cast("B") if count else memoryview(bytearray()))
        return values

    def end(self) -> None:
        """Check that nothing is left, and with it the checksum; ValueError where it is wrong."""
        if self.some(_PIECE) or not self._inflate.eof:
            raise ValueError("the compressed data do not end where they should")

    def _fill(self, target: memoryview) -> None:
        done = 0
        while done < len(target):
            piece = self.some(len(target) - done)
            if not piece:
                raise ValueError(f"truncated: {done} bytes of {len(target)}")
            target[done : done + len(piece)] = piece
            done += len(piece)

    def some(self, most: int) -> bytes:
        """The next bytes: at least one unless the data have ended, at most ``most``.

        Raises:
            ValueError: the data are damaged.
        """
        while not self._inflate.eof:
            source = self._inflate.unconsumed_tail or self._stream.read(min(_PIECE, self._left))
            if not self._inflate.unconsumed_tail:
                self._left -= len(source)
            try:
                piece = self._inflate.decompress(source, min(most, _PIECE))
            except zlib.error as error:
                raise ValueError(f"damaged compressed data: {error}") from error
            if piece:
                return piece
            if not source:
                break
        return b""
