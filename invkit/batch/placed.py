"""Results as files of a folder: whole or not at all, and a picture's record last.

    placed = Placed(lock, only=("sharp", "record"))
    placed.check("a")                                             # nobody else's file has one of the names
    record = placed.place("a", {"sharp": content}, record)        # a_sharp.png, then a.json
    placed.record("a")

Files that no record names are somebody else's: they are neither replaced nor removed.
:class:`~invkit.batch.packed.Packed` does the same in a tar.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from invkit.batch.index import number_of, numbers_in
from invkit.batch.lock import Lock
from invkit.batch.recovering import FILES
from invkit.errors import OutputError
from invkit.files.atomic import check_name
from invkit.files.held import sha256_of

__all__ = ["Placed", "Results", "encoded"]

Record = dict[str, Any]


class Results(Protocol):
    """The store of a run's results: files of a folder, or a tar."""

    def record(self, name: str) -> Record:
        """The record of a picture; raises LookupError, OSError or ValueError where there is none."""
        ...

    def stats(self, record: Record) -> dict[str, list[int]]:
        """Size and time of writing of each of a picture's files; raises OSError where one is missing."""
        ...

    def sha256(self, record: Record, key: str) -> str:
        """The sha256 of one of a picture's files."""
        ...

    def renew(self, name: str, record: Record) -> None:
        """Keep a record in which the times of files have been brought up to date."""
        ...

    def check(self, name: str) -> None:
        """Refuse a picture whose files cannot have their names here.

        Raises:
            OutputError: a name or a path is too long, has a zero byte, or is that of a file of no run.
        """
        ...

    def place(self, name: str, made: Mapping[str, bytes], record: Record) -> Record:
        """Write a picture's files, and its record last, in place of those of an earlier run.

        Returns:
            The record as it was written.

        Raises:
            OutputError: they cannot be written.
        """
        ...

    def close(self) -> None:
        """Nothing more will be written."""
        ...


class Placed:
    """Results as files beside each other.

    Args:
        lock: the right to write to their folder.
        only: the keys in :data:`~invkit.batch.recovering.FILES` of what will be written of a picture.
    """

    def __init__(self, lock: Lock, only: Sequence[str]) -> None:
        self._lock, self._folder, self._only = lock, lock.folder, only

    def record(self, name: str) -> Record:
        record: Record = json.loads((self._folder / f"{name}{FILES['record']}").read_bytes())
        return record

    def stats(self, record: Record) -> dict[str, list[int]]:
        found = {key: os.stat(self._path(record, key)) for key in record["sha256"]}
        return {key: [each.st_size, each.st_mtime_ns] for key, each in found.items()}

    def sha256(self, record: Record, key: str) -> str:
        return sha256_of(self._path(record, key))

    def renew(self, name: str, record: Record) -> None:
        self._lock.place(f"{name}{FILES['record']}", encoded(record))

    def check(self, name: str) -> None:
        check_name(self._lock.scratch(f"{name}{max(FILES.values(), key=len)}"))
        there = self._there(name, self._only)
        others = sorted({*there} - {*self._written(name)} - self._lock.begun()) if there else []
        if others:
            raise OutputError(
                f"{self._folder / others[0]} would be replaced, and no run of invkit has written it",
                hint="choose another folder for the results, or move the file away",
            )

    def place(self, name: str, made: Mapping[str, bytes], record: Record) -> Record:
        files, stale = self._files(name, made), list[str]()
        if self._there(name, FILES):
            stale = [file for file in self._written(name) if file not in files]
        group = [*stale, *files]
        self._lock.begin(group)
        try:
            (self._folder / group[-1]).unlink(missing_ok=True)
            for file in stale:
                (self._folder / file).unlink(missing_ok=True)
            stats = dict(record["stats"])
            for key in made:
                stats[key] = self._lock.place(f"{name}{FILES[key]}", made[key])
            record = {**record, "stats": stats}
            self.renew(name, record)
        except BaseException:
            self._lock.give_up(group)
            raise
        return record

    def _files(self, name: str, keys: Iterable[str]) -> list[str]:
        """The names of a picture's files, the record's last."""
        return [f"{name}{FILES[key]}" for key in FILES if key in keys or key == "record"]

    def _there(self, name: str, keys: Iterable[str]) -> list[str]:
        """Those of a picture's files that exist in the folder."""
        return [file for file in self._files(name, keys) if os.path.lexists(os.path.join(self._folder, file))]

    def _written(self, name: str) -> list[str]:
        """The files of a picture that an earlier run has written.

        Its record names them. Where that is lost, any may be, if the index has the picture.
        """
        own = self._files(name, FILES)
        try:
            files = {str(file) for file in self.record(name)["files"].values()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return own if number_of(own[-1]) in self._indexed else []
        return [file for file in own if file in files]

    @cached_property
    def _indexed(self) -> frozenset[int]:
        """Numbers of the records that the folder's indexes had when they were first asked."""
        return frozenset(numbers_in(self._folder))

    def close(self) -> None:
        pass

    def _path(self, record: Record, key: str) -> Path:
        return self._folder / str(record["files"][key])


def encoded(record: Mapping[str, Any]) -> bytes:
    """A record as JSON, a line for each key: the encoder with `indent` is ten times slower."""
    values = {key: json.dumps(value, allow_nan=False) for key, value in record.items()}
    text = ",\n".join(f'  "{key}": {value}' for key, value in values.items())
    return f"{{\n{text}\n}}\n".encode()
