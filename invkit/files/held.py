"""A file whose bytes are in memory: it has what the decoders of pictures ask of a path.

    held = Held("shard.tar/a.png", content)
    read_picture(held)                       # as if it were a file of that name

>>> Held("a/b.PNG", b"12").suffix, str(Held("a/b.PNG", b"12"))
('.PNG', 'a/b.PNG')
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import IO

import attrs

__all__ = ["File", "Held", "sha256_of", "size_of", "source"]


@attrs.frozen(eq=False)
class Held:
    """The bytes of a file.

    Args:
        name: what it is called in messages; the suffix says its type.
        content: its bytes.
    """

    name: str
    content: bytes = attrs.field(repr=False)

    @property
    def suffix(self) -> str:
        """The end of its name: ``.png``."""
        return os.path.splitext(self.name)[1]

    def open(self, mode: str = "rb") -> IO[bytes]:
        """A stream of its bytes, to be read."""
        assert mode == "rb", mode
        return _Stream(self)

    def read_bytes(self) -> bytes:
        """All of it."""
        return self.content

    def __str__(self) -> str:
        """Return its name."""
        return self.name


File = Path | Held
"""Where a picture comes from."""


def size_of(file: File) -> int:
    """How many bytes a file has."""
    return len(file.content) if isinstance(file, Held) else file.stat().st_size


def sha256_of(file: File) -> str:
    """The sha256 of a file's bytes, in hexadecimal digits."""
    if isinstance(file, Held):
        return hashlib.sha256(file.content).hexdigest()
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source(file: File) -> Path | IO[bytes]:
    """The file as a library takes it: a path, or a stream."""
    return file.open() if isinstance(file, Held) else file


class _Stream(io.BytesIO):
    """What a file's stream says of itself; libraries name it in their messages."""

    mode = "rb"

    def __init__(self, held: Held) -> None:
        super().__init__(held.content)
        self.name = held.name

    def __repr__(self) -> str:
        return repr(self.name)
