"""``records.jsonl``: the records of a folder, one a line, in the order in which they came.

    index = Index(Path("out/records.jsonl"))
    index.note(record)                  # appends a line, unless there is one
    index.close(Path("out/.run/records.jsonl"))

A line is a record without its configuration, which it names by its sha256. The records themselves are the
truth: a last line that a crash has torn off is removed, and whatever lines are missing are appended as
the records are met. Of two lines of one picture, the later one counts, and the earlier one is removed at the
end. A million pictures take 16 MB of memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Index", "number_of", "numbers_in", "records_in"]

_LEFT_OUT = ("config", "versions")


class Index:
    """The lines of a file, open for more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known, names = array("Q"), array("Q")
        self._untidy = False  # lines that are to be removed
        for _, record in _lines(path):
            if record is None:
                self._untidy = True
                continue
            known.append(_identity(record))
            names.append(number_of(_name(record)))
        self._known, self._names = (np.sort(np.asarray(each, dtype=np.uint64)) for each in (known, names))
        self._untidy |= bool((np.diff(self._names) == 0).any())
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        _remove_torn_line(path)

    def note(self, record: Mapping[str, Any]) -> None:
        """Append a record, unless it is there."""
        if _has(self._known, _identity(record)):
            return
        self._untidy |= _has(self._names, number_of(_name(record)))
        line = json.dumps({key: value for key, value in record.items() if key not in _LEFT_OUT})
        os.write(self._handle, f"{line}\n".encode())

    def close(self, scratch: Path) -> None:
        """Remove lines that do not count; ``scratch`` is where the file is written anew."""
        os.close(self._handle)
        if not self._untidy:
            return
        numbers = [0 if record is None else number_of(_name(record)) for _, record in _lines(self._path)]
        hashed = np.asarray(numbers, dtype=np.uint64)
        _, last = np.unique(hashed[::-1], return_index=True)
        kept = np.zeros(len(hashed), dtype=bool)
        kept[len(hashed) - 1 - last] = True
        with scratch.open("wb") as stream:
            for keep, (line, record) in zip(kept, _lines(self._path), strict=True):
                if keep and record is not None:
                    stream.write(line)
        os.replace(scratch, self._path)


def records_in(folder: Path, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The records of some pictures, from the indexes of a folder, in their order there."""
    wanted = {f"{name}.json" for name in names}
    for path in sorted(folder.glob("records*.jsonl")):
        for _, record in _lines(path):
            if record is not None and _name(record) in wanted:
                yield record


def numbers_in(folder: Path) -> Iterator[int]:
    """The numbers of the records' names in the indexes of a folder (:func:`number_of`)."""
    for path in folder.glob("records*.jsonl"):
        for _, record in _lines(path):
            if record is not None:
                yield number_of(_name(record))


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each whole line with its record, None where it is none."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                _name(record), _identity(record)
            except (ValueError, KeyError, TypeError):
                record = None
            yield line, record


def _remove_torn_line(path: Path) -> None:
    with path.open("rb+") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - 65536)
            stream.seek(begin)
            place = stream.read(end - begin).rfind(b"\n")
            if place >= 0:
                stream.truncate(begin + place + 1)
                return
            end = begin
        stream.truncate(0)


def _name(record: Mapping[str, Any]) -> str:
    name: str = record["files"]["record"]
    return name


def _identity(record: Mapping[str, Any]) -> int:
    """A number that tells records apart by picture, configuration and files."""
    told = [_name(record), *(record[key] for key in ("image_sha256", "configuration", "status", "sha256"))]
    return number_of(json.dumps(told))


def number_of(text: str) -> int:
    """A number of 64 bits that tells texts apart; a file's name may have bytes that are no UTF-8."""
    encoded = text.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little") or 1


def _has(values: npt.NDArray[np.uint64], wanted: int) -> bool:
    place = int(np.searchsorted(values, np.uint64(wanted)))
    return place < len(values) and int(values[place]) == wanted
