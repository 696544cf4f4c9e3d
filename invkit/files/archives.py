"""Pictures inside zip and tar archives, read one by one from where they stand; nothing is unpacked to a disk.

    found = list_archive(Path("shard-000.tar"))
    found.names                                # ("a.png", "more/b.png")
    read_member(found.path, found[0], most=64_000_000)

A tar is read as it was written, without compression: shards of WebDataset are such. Members that are no files
with the name of a picture are passed over, hidden ones too. An archive that is cut off or damaged gives what
stands before that place, and says so. Lists are read header by header: a zip of a million pictures takes as
much memory as their names.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import attrs

from invkit.errors import InputError
from invkit.files.bounded import check_ratio, read_exactly
from invkit.files.held import Held
from invkit.files.pictures import SUFFIXES

__all__ = [
    "ARCHIVES",
    "BLOCK",
    "Archive",
    "Member",
    "TarEntry",
    "list_archive",
    "names_of_archives",
    "read_member",
    "tar_entries",
]

ARCHIVES = (".zip", ".tar")
"""The file name endings of archives that can be read."""

BLOCK = 512
"""Bytes of a block of a tar: a header, or a piece of a file."""

_STORED, _DEFLATED, _ENCRYPTED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, 99
_LOCAL_HEADER, _ZIP_MAGIC = 30, b"PK\3\4"
_ENTRY, _ENTRY_MAGIC = struct.Struct("<4s4xHH4xIIIHHH4xII"), b"PK\1\2"
_END, _END_MAGIC = struct.Struct("<4sHHHHIIH"), b"PK\5\6"
_END64, _END64_MAGIC = struct.Struct("<4s12xIIQQQQ"), b"PK\6\6"
_END64_PLACE, _END64_PLACE_MAGIC = struct.Struct("<4sIQI"), b"PK\6\7"
_UTF8, _ZIP64 = 0x800, 1
_LONGEST = 1 << 20  # bytes of a name, or of a header that says more
_FILES = b"0\x007"  # types of plain files
_MORE, _LONG_NAME = b"x", b"L"


@attrs.frozen
class Member:
    """A picture in an archive.

    Args:
        name: its name there; nothing is ever written under it.
        offset: the first byte of its content in a tar, of its header in a zip.
        held: bytes that it takes there.
        size: bytes that it unpacks to.
        method: how it is compressed, as a zip numbers it; 0: it is not.
        crc: the checksum of what it unpacks to; a tar has none.
    """

    name: str
    offset: int
    held: int
    size: int
    method: int = _STORED
    crc: int = -1


@attrs.frozen(eq=False)
class Archive:
    """The pictures of an archive, in its order.

    Args:
        path: the archive.
        names: of its members that are pictures.
        problem: what ends the list too early; None where it is whole.
    """

    path: Path
    names: tuple[str, ...]
    _places: array[int] = attrs.field(repr=False)
    problem: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Member:
        return Member(self.names[number], *self._places[5 * number : 5 * number + 5])


def names_of_archives(folder: Path) -> list[str]:
    """The names of the archives directly inside a folder, sorted, hidden ones left out."""
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if name.lower().endswith(ARCHIVES) and name[0] != "."]
        return sorted(name for name in names if (folder / name).is_file())
    return []


def list_archive(path: Path) -> Archive:
    """The pictures of a zip or a tar, by its headers alone.

    Raises:
        InputError: it cannot be read, is no archive, or has no picture.
    """
    names: list[str] = []
    places = array("q")
    problem = None
    try:
        for member in _zip_members(path) if path.suffix.lower() == ".zip" else _tar_members(path):
            names.append(member.name)
            places.extend((member.offset, member.held, member.size, member.method, member.crc))
    except (OSError, ValueError) as error:
        problem = (str(error) or type(error).__name__).splitlines()[0]
    if not names:
        why = f"cannot read the archive {path}: {problem}" if problem else f"no image in the archive {path}"
        raise InputError(why, hint=f"give a zip, or a tar without compression, of {', '.join(SUFFIXES)}")
    return Archive(path, tuple(names), places, problem)


def read_member(path: Path, member: Member, most: int) -> Held:
    """A picture of an archive, its bytes in memory.

    Args:
        path: the archive.
        member: which of its pictures.
        most: bytes that it may have.

    Raises:
        InputError: it is too large by its header, unpacks to far more than itself, is damaged or encrypted,
            or the archive has changed.
    """
    name = f"{path}/{member.name}"
    try:
        if member.size > most:
            raise ValueError(f"it has {member.size:,} bytes, more than a picture of the largest size")
        check_ratio("it", member.size, member.held)
        with path.open("rb") as stream:
            stream.seek(member.offset)
            return Held(name, _content(stream, member, zipped=path.suffix.lower() == ".zip"))
    except (OSError, ValueError, zlib.error) as error:
        raise InputError(f"cannot read {name}: {error}", hint="make the archive again") from error


def _content(stream: IO[bytes], member: Member, *, zipped: bool) -> bytes:
    if not zipped:
        return read_exactly(stream, member.size)
    head = read_exactly(stream, _LOCAL_HEADER)
    if not head.startswith(_ZIP_MAGIC):
        raise ValueError("it does not stand where the archive says")
    stream.seek(sum(struct.unpack("<HH", head[26:])), os.SEEK_CUR)  # its name, and more about it
    content = read_exactly(stream, member.held)
    if member.method == _DEFLATED:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, member.size + 1)
    elif member.method != _STORED:
        how = "encrypted" if member.method == _ENCRYPTED else f"compressed by method {member.method}"
        raise ValueError(f"it is {how}, and only deflate can be read")
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise ValueError("it is damaged: its checksum or its size is another")
    return content


def _zip_members(path: Path) -> Iterator[Member]:
    with path.open("rb") as stream:
        count, begin, end, shift = _directory(stream)
        stream.seek(begin)
        for _ in range(count):
            name, attributes, member = _listed(stream, shift)
            if stream.tell() > end or member.offset + _LOCAL_HEADER + member.held > begin:
                raise ValueError(f"its list is damaged at {name!r}")
            if _is_picture(name) and not stat.S_ISLNK(attributes >> 16):
                yield member


def _directory(stream: IO[bytes]) -> tuple[int, int, int, int]:
    """Where the list of a zip stands: members, first byte, the byte behind it, bytes before the archive."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - _END.size - 0xFFFF))  # a comment may follow
    tail = stream.read()
    place = tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END.size:
        raise ValueError("it is no zip, or cut off")
    _, disk, _, _, count, size, offset, _ = _END.unpack_from(tail, place)
    end = length - len(tail) + place
    if place >= _END64_PLACE.size and tail.startswith(_END64_PLACE_MAGIC, place - _END64_PLACE.size):
        end -= _END64_PLACE.size + _END64.size
        stream.seek(max(0, end))
        magic, disk, _, _, count, size, offset = _END64.unpack(read_exactly(stream, _END64.size))
        if magic != _END64_MAGIC:
            raise ValueError("its end is damaged")
    begin = end - size
    if disk or begin < offset:
        raise ValueError("it is one of several parts, or its end is damaged")
    return count, begin, end, begin - offset


def _listed(stream: IO[bytes], shift: int) -> tuple[str, int, Member]:
    """The next entry of a zip's list: the name, the attributes of the file, and where it stands."""
    fields = _ENTRY.unpack(read_exactly(stream, _ENTRY.size))
    magic, flags, method, crc, held, size, named, more, comment, attributes, offset = fields
    if magic != _ENTRY_MAGIC:
        raise ValueError("its list is damaged")
    text = read_exactly(stream, named + more + comment)
    name = text[:named].decode("utf-8" if flags & _UTF8 else "cp437").split("\0")[0]
    numbers = {"size": size, "held": held, "offset": offset}
    long = _extra(text[named : named + more], _ZIP64)
    for key in [key for key, value in numbers.items() if value == 0xFFFFFFFF and long]:
        if len(long) < 8:
            raise ValueError(f"its list is damaged at {name!r}")
        numbers[key], long = int.from_bytes(long[:8], "little"), long[8:]
    numbers["offset"] += shift
    return name, attributes, Member(name, method=_ENCRYPTED if flags & 1 else method, crc=crc, **numbers)


def _extra(content: bytes, wanted: int) -> bytes:
    """A part of what a zip says besides, by its number; nothing where it is not there."""
    while len(content) >= 4:
        kind, length = struct.unpack_from("<HH", content)
        if kind == wanted:
            return content[4 : 4 + length]
        content = content[4 + length :]
    return b""


def _tar_members(path: Path) -> Iterator[Member]:
    with path.open("rb") as stream:
        ended = False
        for entry in tar_entries(stream):
            ended = entry is None
            if entry is not None and _is_picture(entry.name):
                yield Member(entry.name, entry.offset, entry.size, entry.size)
        if not ended:
            raise ValueError("it has no end; it may be cut off")


def _is_picture(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return os.path.splitext(parts[-1])[1].lower() in SUFFIXES and not hidden


@attrs.frozen
class TarEntry:
    """A file in a tar.

    Args:
        name: its name.
        begin: the first byte of its headers.
        offset: the first byte of its content.
        size: bytes of its content.
    """

    name: str
    begin: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + _padded(self.size)


def tar_entries(stream: IO[bytes], place: int = 0) -> Iterator[TarEntry | None]:
    """The plain files of a tar (ustar, GNU, pax) in their order, and None for the mark of its end.

    Only headers are read. A size is believed where the file is as long.

    Args:
        stream: the tar; it may be read elsewhere meanwhile.
        place: the header to begin at.

    Raises:
        ValueError: a header is damaged, or something reaches beyond the end of the file.
    """
    length = stream.seek(0, os.SEEK_END)
    begin = place
    name: str | None = None
    size: int | None = None
    while place < length:
        stream.seek(place)
        head = stream.read(BLOCK)
        if not any(head):
            yield None
            return
        kind, own = _checked(head, place)
        offset = place + BLOCK
        more = kind in (_MORE, _LONG_NAME)
        held = own if more or size is None else size
        place = offset + _padded(held)
        if offset + held > length:
            raise ValueError(f"it is cut off at byte {length:,}")
        if more:
            if own > _LONGEST:
                raise ValueError(f"a header of {own:,} bytes at byte {begin:,}")
            said = stream.read(own)
            if kind == _LONG_NAME:
                name = said.split(b"\0")[0].decode("utf-8", "surrogateescape")
            else:
                name, size = _pax(said, begin, (name, size))
            continue
        if kind in _FILES:
            yield TarEntry(_name(head) if name is None else name, begin, offset, held)
        begin, name, size = place, None, None


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _checked(head: bytes, place: int) -> tuple[bytes, int]:
    """Type and size of a header; ValueError where it is none."""
    try:
        total = sum(head) - sum(head[148:156]) + 8 * ord(" ")
        if len(head) == BLOCK and _number(head[148:156]) == total:
            return head[156:157], _number(head[124:136])
    except ValueError:
        pass
    raise ValueError(f"it is damaged, or no tar, at byte {place:,}")


def _number(field: bytes) -> int:
    """A number of a header, in octal digits or in binary."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.split(b"\0")[0].strip() or b"0", 8)


def _name(head: bytes) -> str:
    name, prefix = head[:100].split(b"\0")[0], head[345:500].split(b"\0")[0]
    whole = prefix + b"/" + name if prefix and head[257:263] == b"ustar\0" else name
    return whole.decode("utf-8", "surrogateescape")


def _pax(said: bytes, begin: int, known: tuple[str | None, int | None]) -> tuple[str | None, int | None]:
    """Name and size, where a header says them in lines such as ``19 path=long/name``."""
    name, size = known
    place = 0
    while place < len(said):
        blank = said.find(b" ", place, place + 20)
        length = int(said[place:blank]) if blank > 0 else 0
        if length <= max(0, blank - place) or place + length > len(said):
            raise ValueError(f"a damaged header at byte {begin:,}")
        key, _, value = said[blank + 1 : place + length].removesuffix(b"\n").partition(b"=")
        place += length
        if key == b"path":
            name = value.split(b"\0")[0].decode("utf-8", "surrogateescape")
        elif key == b"size":
            size = int(value)
        elif key.startswith(b"GNU.sparse"):
            raise ValueError(f"a file with holes at byte {begin:,}")
    if size is not None and size < 0:
        raise ValueError(f"a negative size at byte {begin:,}")
    return name, size
