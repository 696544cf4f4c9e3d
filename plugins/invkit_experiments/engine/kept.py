"""Finished rows on disk, so that an interrupted benchmark goes on where it stopped.

    kept = Kept(Path("invkit-bench"))
    kept.write("digits", "default", identity, row)      # invkit-bench/digits/default-1f2e3d4c5b6a.json
    kept.read("digits", "default", identity)            # the row, or None

The file's name ends in a sha256 of the identity: all that the row depends on. Other settings, other versions
or other weights have another name, so a row is never taken for what it is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from invkit.files.solutions import write_record

__all__ = ["Kept"]


@attrs.frozen
class Kept:
    """Rows kept in a folder.

    Args:
        folder: made when the first row is written.
    """

    folder: Path

    def read(self, experiment: str, method: str, identity: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row of this identity; None where there is none, or the file is damaged."""
        try:
            record = json.loads(self.path(experiment, method, identity).read_text(encoding="utf-8"))
            row = record["row"] if record["identity"] == _plain(identity) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # measured again and written anew
        return row if isinstance(row, dict) else None

    def write(
        self, experiment: str, method: str, identity: Mapping[str, Any], row: Mapping[str, Any]
    ) -> None:
        """Keep a row; raises OutputError where the folder cannot be written."""
        write_record(
            self.path(experiment, method, identity), {"identity": _plain(identity), "row": dict(row)}
        )

    def path(self, experiment: str, method: str, identity: Mapping[str, Any]) -> Path:
        """Where the row of this identity is, or would be."""
        digest = hashlib.sha256(json.dumps(_plain(identity), sort_keys=True).encode()).hexdigest()
        return self.folder / experiment / f"{method}-{digest[:12]}.json"


def _plain(identity: Mapping[str, Any]) -> Any:
    """The identity as it comes back from JSON: lists for tuples."""
    return json.loads(json.dumps(identity))
