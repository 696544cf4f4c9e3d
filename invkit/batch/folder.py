"""The folder of a run's results: which pictures are finished, and their files, whole or not at all.

    with Folder(Path("out"), recovery) as folder:
        if folder.finished(item) is None:
            record = folder.write(recovery(item))

A picture's record is the last of its files that is written and the first that is removed: so it never stands
beside the files of another run. It names the sha256 of the picture, of the configuration and of the files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from invkit.batch.index import Index
from invkit.batch.items import Item
from invkit.batch.lock import Lock
from invkit.batch.recovering import FILES, Recovery, Result, stat_of
from invkit.contracts.solution import Status
from invkit.errors import ConfigError
from invkit.fingerprint import fingerprint

__all__ = ["Folder"]


class Folder:
    """Results of a recovery in a folder, which no other run may write to meanwhile.

    Args:
        path: the folder, made where it is missing; nothing is left of it where nothing is written.
        recovery: what makes the results; its configuration is theirs.
        part: which of several parts of a run this is, ``"2-of-8"``. Parts may run together: each has a lock
            and an index of its own.

    Raises:
        OutputError: another run writes to it, or it cannot be written.
    """

    def __init__(self, path: Path, recovery: Recovery, part: str = "") -> None:
        self.path, self._recovery, self._part = path, recovery, part and f"-{part}"
        self._lock = Lock(path, f".run{self._part}")
        config = recovery.pipeline.to_config(strict=False)
        self._versions, self._config = config.pop("versions"), config
        self._configuration = _configuration(recovery, config)
        self._boot = _boot()
        self._index: Index | None = None

    def __enter__(self) -> Folder:
        self._lock.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._index is not None:
                self._index.close(self._lock.scratch("index"))
        finally:
            self._lock.__exit__(kind, error, trace)

    def finished(self, item: Item) -> dict[str, Any] | None:
        """The record of a picture that needs no more work; None where it has to be solved.

        The record's sha256 of picture, configuration and files are what counts. Where all sizes and times of
        writing are as then, and the machine was not restarted since, the files are not read.
        """
        try:
            record = self.record(item.name)
            there = {*record["files"], "unsoftened"}
            if record["configuration"] != self._configuration or record["status"] == Status.INTERRUPTED:
                return None
            if record["status"] != Status.DIVERGED and not there.issuperset(self._recovery.only):
                return None
            files = {key: self.path / record["files"][key] for key in record["sha256"]}
            digests = {"image": record["image_sha256"], **record["sha256"]}
            now = {key: stat_of(path) for key, path in {"image": item.path, **files}.items()}
            if now != record["stats"] or self._boot is None or self._boot != record["boot"]:
                if any(_sha256(path) != digests[key] for key, path in {"image": item.path, **files}.items()):
                    return None
                record |= {"stats": now, "boot": self._boot}
                self._place_record(item.name, record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return record

    def write(self, result: Result) -> dict[str, Any]:
        """Write the files of a picture, and its record last; those of an earlier run are removed.

        Returns:
            The record.

        Raises:
            OutputError: a file cannot be written.
        """
        name, stats = result.item.name, {"image": result.stat}
        (self.path / f"{name}{FILES['record']}").unlink(missing_ok=True)
        for key, suffix in FILES.items():
            made = result.files.get(key)
            if made is not None:
                stats[key] = self._lock.place(f"{name}{suffix}", made)
            elif key != "record":
                (self.path / f"{name}{suffix}").unlink(missing_ok=True)
        record = {
            **result.record,
            "configuration": self._configuration,
            "stats": stats,
            "boot": self._boot,
            "versions": self._versions,
            "config": self._config,
        }
        self._place_record(name, record)
        self.note(record)
        return record

    def note(self, record: Mapping[str, Any]) -> None:
        """Let the index have a record that stands in the folder."""
        if self._index is None:
            self._write_config()
            self._index = Index(self.path / f"records{self._part}.jsonl")
        self._index.note(record)

    def record(self, name: str) -> dict[str, Any]:
        """The record of a name."""
        record: dict[str, Any] = json.loads((self.path / f"{name}{FILES['record']}").read_bytes())
        return record

    def _place_record(self, name: str, record: Mapping[str, Any]) -> None:
        # A line for each key: the encoder with `indent` is ten times slower.
        values = {key: json.dumps(value, allow_nan=False) for key, value in record.items()}
        text = ",\n".join(f'  "{key}": {value}' for key, value in values.items())
        self._lock.place(f"{name}{FILES['record']}", f"{{\n{text}\n}}\n".encode())

    def _write_config(self) -> None:
        with suppress(ConfigError):  # of objects that no spec made; the records say what they are
            half = self._recovery.pipeline.save_config(self._lock.scratch("config.toml"))
            os.replace(half, self.path / "config.toml")


def _configuration(recovery: Recovery, config: Mapping[str, Any]) -> str:
    """The sha256 of all that determines a result besides the picture; versions do not count."""
    pipeline = recovery.pipeline
    parts = (pipeline.operator, *pipeline.priors, pipeline.solver, pipeline.noise)
    told = {
        "config": config,
        "state": [fingerprint(each) for each in parts],
        "grey": recovery.grey,
        "crop": None if recovery.crop is None else attrs.astuple(recovery.crop),
        "device": recovery.device.partition(":")[0],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _boot() -> str | None:
    """A number for this start of the machine: a crash of it may lose files that were not on the disk yet."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return None
