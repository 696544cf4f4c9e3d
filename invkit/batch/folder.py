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
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from invkit.batch.index import Index
from invkit.batch.items import Item
from invkit.batch.lock import Lock
from invkit.batch.packed import Packed
from invkit.batch.placed import Placed, Results
from invkit.batch.recovering import Recovery, Result
from invkit.contracts.solution import Status
from invkit.errors import ConfigError, InvkitError, OutputError
from invkit.fingerprint import fingerprint

__all__ = ["Folder"]

_CONFIG = "config.toml"


class Folder:
    """Results of a recovery in a folder, which no other run may write to meanwhile.

    Args:
        path: the folder, made where it is missing; nothing is left of it where nothing is written.
        recovery: what makes the results; its configuration is theirs.
        part: which of several parts of a run this is, ``"2-of-8"``. Parts may run together: each has a lock
            and an index of its own.
        pack: whether the results stand in a tar.

    Raises:
        OutputError: another run writes to it, it cannot be written, or it has a ``config.toml`` of no run.
    """

    def __init__(self, path: Path, recovery: Recovery, part: str = "", *, pack: bool = False) -> None:
        self.path, self._recovery, self._part = path, recovery, part and f"-{part}"
        self._lock = Lock(path, f".run{self._part}")
        config = recovery.pipeline.to_config(strict=False)
        self._versions, self._config = config.pop("versions"), config
        self._configuration = _configuration(recovery, config)
        self._boot = _boot()
        self._pack = pack
        self._index: Index | None = None
        self._results: Results = Placed(self._lock, recovery.only)

    def __enter__(self) -> Folder:
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            if self._pack:
                self._results = Packed(self._lock, self._part)
            self._prepare_config()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            stack.push(self._lock.__exit__)
            stack.callback(self._results.close)
            if self._index is not None:
                self._index.close(self._lock.scratch("index"))

    def finished(self, item: Item) -> dict[str, Any] | None:
        """The record of a picture that needs no more work; None where it has to be solved.

        The record's sha256 of picture, configuration and files are what counts. Where all sizes and times of
        writing are as then, and the machine was not restarted since, the files are not read.
        """
        try:
            record = self._results.record(item.name)
            there = {*record["files"], "unsoftened"}
            if record["configuration"] != self._configuration or record["status"] == Status.INTERRUPTED:
                return None
            if self._recovery.full and "objective" not in record["restarts"]:
                return None
            if record["status"] != Status.DIVERGED and not there.issuperset(self._recovery.only):
                return None
            now = {"image": item.stat(), **self._results.stats(record)}
            if now != record["stats"] or self._boot is None or self._boot != record["boot"]:
                made = record["sha256"].items()
                if item.sha256() != record["image_sha256"]:
                    return None
                if any(self._results.sha256(record, key) != digest for key, digest in made):
                    return None
                record |= {"stats": now, "boot": self._boot}
                self._results.renew(item.name, record)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, InvkitError):
            return None
        return record

    def check(self, item: Item) -> None:
        """Refuse a picture whose results cannot have their names here; nothing is written.

        Raises:
            OutputError: a name or a path is too long.
        """
        self._results.check(item.name)

    def write(self, result: Result) -> dict[str, Any]:
        """Write the files of a picture, and its record last; those of an earlier run are removed.

        Returns:
            The record.

        Raises:
            OutputError: a file cannot be written.
        """
        record = {
            **result.record,
            "configuration": self._configuration,
            "stats": {"image": result.stat},
            "boot": self._boot,
            "versions": self._versions,
            "config": self._config,
        }
        record = self._results.place(result.item.name, result.files, record)
        self.note(record)
        return record

    def note(self, record: Mapping[str, Any]) -> None:
        """Let the index have a record that stands in the folder."""
        if self._index is None:
            self._index = Index(self.path / f"records{self._part}.jsonl")
            with suppress(FileNotFoundError):
                os.replace(self._lock.scratch(_CONFIG), self.path / _CONFIG)
        self._index.note(record)

    def _prepare_config(self) -> None:
        """Write the configuration where it will be taken from, unless one would be lost that is no run's."""
        path = self.path / _CONFIG
        with suppress(ConfigError):  # of objects that no spec made; the records say what they are
            half = self._recovery.pipeline.save_config(self._lock.scratch(_CONFIG))
            if any(self.path.glob("records*.jsonl")) or not path.exists():
                return
            if path.read_bytes() != half.read_bytes():
                raise OutputError(
                    f"{path} would be replaced, and no run of invkit has written it",
                    hint="choose another folder for the results, or move the file away",
                )


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


def _boot() -> str | None:
    """A number for this start of the machine: a crash of it may lose files that were not on the disk yet."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return None
