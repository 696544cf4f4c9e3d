"""Results as files of a folder: whole or not at all, and a picture's record last.

    placed = Placed(lock)
    record = placed.place("a", {"sharp": content}, record)        # a_sharp.png, then a.json
    placed.record("a")

:class:`~invkit.batch.packed.Packed` does the same in a tar.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from invkit.batch.lock import Lock
from invkit.batch.recovering import FILES
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
        """Refuse a picture whose files would have names or paths that the system cannot take.

        Raises:
            OutputError: one is too long, or has a zero byte.
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
    """Results as files beside each other."""

    def __init__(self, lock: Lock) -> None:
        self._lock, self._folder = lock, lock.folder

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

    def place(self, name: str, made: Mapping[str, bytes], record: Record) -> Record:
        (self._folder / f"{name}{FILES['record']}").unlink(missing_ok=True)
        stats = dict(record["stats"])
        for key, suffix in FILES.items():
            if key in made:
                stats[key] = self._lock.place(f"{name}{suffix}", made[key])
            elif key != "record":
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        record = {**record, "stats": stats}
        self.renew(name, record)
        return record

    def close(self) -> None:
        pass

    def _path(self, record: Record, key: str) -> Path:
        return self._folder / str(record["files"][key])


def encoded(record: Mapping[str, Any]) -> bytes:
    """A record as JSON, a line for each key: the encoder with `indent` is ten times slower."""
    values = {key: json.dumps(value, allow_nan=False) for key, value in record.items()}
    text = ",\n".join(f'  "{key}": {value}' for key, value in values.items())
    return f"{{\n{text}\n}}\n".encode()
