"""Results in a tar, in the manner of WebDataset: ``a.sharp.png``, ``a.kernel.npy`` and the record ``a.json``.

    packed = Packed(lock, "-3-of-100")                            # out/results-3-of-100.tar
    record = packed.place("a", {"sharp": content}, record)
    packed.close()

A picture's files stand beside each other, its record behind them: so it is finished where its record is
whole. What a killed run has left behind the last record is cut off. Results only ever go to the end. Of two
results of one picture the later one counts, and the earlier one is removed when the run is over.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import attrs
import numpy as np

from invkit.batch.index import number_of
from invkit.batch.lock import Lock
from invkit.batch.placed import Record, encoded
from invkit.batch.recovering import FILES
from invkit.errors import OutputError
from invkit.files.archives import BLOCK, TarEntry, tar_entries

__all__ = ["Packed"]

_RECORD = FILES["record"]
_NAME = re.compile(r"results(-\d+-of-(\d+))?\.tar")
_END_MARK = bytes(2 * BLOCK)


@attrs.frozen
class _Group:
    """A finished picture: its name, where its record stands, and where its files begin."""

    name: str
    record: TarEntry
    begin: int


class Packed:
    """Results in the tar of a run, or of a part of it.

    Args:
        lock: the right to write to the folder.
        part: what follows ``results`` in the tar's name: ``"-3-of-100"``, or nothing.

    Raises:
        OutputError: the folder holds results of another number of parts, or a tar that is not of a run.
    """

    def __init__(self, lock: Lock, part: str = "") -> None:
        self._lock, self._path = lock, lock.folder / f"results{part}.tar"
        _check_parts(self._path)
        self._stream: IO[bytes] | None = None
        self._end, self._untidy = 0, False
        self._names = np.empty(0, np.uint64)
        self._places = np.empty((0, 3), np.int64)
        if self._path.exists():
            self._open()

    def record(self, name: str) -> Record:
        offset, size, _ = self._place(name)
        assert self._stream is not None
        record: Record = json.loads(_read(self._stream, offset, size))
        if record["files"]["record"] != f"{name}{_RECORD}":
            raise LookupError(name)
        return record

    def stats(self, record: Record) -> dict[str, list[int]]:
        return {}  # what stands in the tar does not change

    def sha256(self, record: Record, key: str) -> str:
        assert self._stream is not None
        wanted, last = record["files"][key], record["files"]["record"]
        for entry in tar_entries(self._stream, self._place(last.removesuffix(_RECORD))[2]):
            if entry is None or entry.name == last:
                break
            if entry.name == wanted:
                return hashlib.sha256(_read(self._stream, entry.offset, entry.size)).hexdigest()
        raise LookupError(wanted)

    def renew(self, name: str, record: Record) -> None:
        pass

    def check(self, name: str) -> None:
        pass  # names in a tar may have any length

    def place(self, name: str, made: Mapping[str, bytes], record: Record) -> Record:
        files = {key: None if file is None else _member(name, key) for key, file in record["files"].items()}
        record = {**record, "files": files}
        group = {**made, "record": encoded(record)}
        self._append(b"".join(_packed(_member(name, key), content) for key, content in group.items()))
        with suppress(LookupError):
            self._untidy |= bool(self._place(name))
        return record

    def close(self) -> None:
        if self._stream is None:
            return
        if self._untidy:
            self._tidy()
        with self._stream as stream, suppress(OSError):
            stream.truncate(self._end)
            _write(stream, self._end, _END_MARK)

    def _place(self, name: str) -> tuple[int, int, int]:
        """Offset and size of a picture's record in the tar, and the offset of its first file."""
        number = np.uint64(number_of(name))
        place = int(np.searchsorted(self._names, number))
        if place == len(self._names) or self._names[place] != number:
            raise LookupError(name)
        offset, size, begin = map(int, self._places[place])
        return offset, size, begin

    def _append(self, content: bytes) -> None:
        if self._stream is None:  # the first result appears whole: so a run's tar can be told from others
            self._lock.place(self._path.name, content)
            self._stream = self._path.open("rb+", buffering=0)
        else:
            try:
                _write(self._stream, self._end, content)
            except OSError as error:
                raise OutputError(
                    f"cannot write {self._path}: {error.strerror or error}",
                    hint="choose a folder that you may write to and that has room",
                ) from error
        self._end += len(content)

    def _open(self) -> None:
        """Find what is finished, and cut off what is not."""
        names, places = array("Q"), array("q")
        stream = self._path.open("rb+", buffering=0)
        for group in _groups(stream):
            if not names and b'"configuration"' not in _read(stream, group.record.offset, group.record.size):
                break
            names.append(number_of(group.name))
            places.extend((group.record.offset, group.record.size, group.begin))
            self._end = group.record.end
        if not names:
            stream.close()
            raise OutputError(
                f"{self._path} was not written by invkit", hint="move it, or choose another folder"
            )
        stream.truncate(self._end)
        self._stream = stream
        hashed = np.asarray(names, dtype=np.uint64)
        table = np.asarray(places, dtype=np.int64).reshape(-1, 3)
        self._names, last = np.unique(hashed[::-1], return_index=True)
        self._places = table[len(table) - 1 - last]
        self._untidy = len(self._names) < len(table)

    def _tidy(self) -> None:
        """Write the tar anew with the last results of each picture."""
        half = self._lock.scratch(self._path.name)
        with self._path.open("rb") as stream, half.open("wb") as target:
            last = {group.name: group.begin for group in _groups(stream)}
            for group in _groups(stream):
                if last[group.name] == group.begin:
                    target.write(_read(stream, group.begin, group.record.end - group.begin))
            self._end = target.tell()
        assert self._stream is not None
        self._stream.close()
        os.replace(half, self._path)
        self._stream = self._path.open("rb+", buffering=0)


def _groups(stream: IO[bytes]) -> Iterator[_Group]:
    """The finished pictures of a tar, up to the first thing that is none."""
    begin, names = 0, list[str]()
    with suppress(ValueError):
        for entry in tar_entries(stream):
            if entry is None:
                return
            names.append(entry.name)
            if entry.name.endswith(_RECORD):
                name = entry.name.removesuffix(_RECORD)
                if not all(each.startswith(f"{name}.") for each in names):
                    return
                yield _Group(name, entry, begin)
                begin, names = entry.end, []


def _check_parts(path: Path) -> None:
    """Refuse a folder with the tars of another number of parts: a picture's results would stand in two."""
    parts = [found[2] for name in os.listdir(path.parent) if (found := _NAME.fullmatch(name))]
    own = _NAME.fullmatch(path.name)
    other = [each for each in parts if own is not None and each != own[2]]
    if other:
        how = f"--shard I/{other[0]}" if other[0] else "no --shard"
        raise OutputError(
            f"{path.parent} holds packed results of a run with {how}",
            hint="go on with that, or choose another folder",
        )


def _member(name: str, key: str) -> str:
    """The name of a file in the tar: WebDataset takes what follows the first dot for the kind of file."""
    return name + FILES[key].replace("_", ".", 1)


def _packed(name: str, content: bytes) -> bytes:
    """A file as it stands in a tar."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), int(time.time())
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + content + bytes(-len(content) % BLOCK)


def _read(stream: IO[bytes], place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _write(stream: IO[bytes], place: int, content: bytes) -> None:
    stream.seek(place)
    done = 0
    while done < len(content):
        done += stream.write(content[done:])
