"""What ``invkit deblur`` prints: progress and remarks on stderr, and at the end its records on stdout.

    show = Progress(quiet=False, alone=False)
    done = recover_all(recovery, source, failures, out, tell=show.step, say=show.say)
    print_run(done, show.names, {}, as_json=True, full=False, indexed=False)

Where one picture alone is solved, its name and its failure are not printed: the command ends with the error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invkit.cli.output import print_json, print_table, say, skipped_records, to_stderr

if TYPE_CHECKING:
    from invkit.batch import Failure, Report
    from invkit.batch.mapping import Step

__all__ = ["Progress", "print_run"]

_EXPLAINED = {
    "max_iter": "the usual end",
    "doubtful": "likely to be wrong by the solver's own signs: compare it with the input",
    "sharp": "not blurred, or too little structure to tell: the picture is as it was",
    "diverged": "the solver's numbers ran away, and this is no result: try smaller steps or other options",
}
"""What a status means, where its name alone does not say it."""

#: what a record has for the next run, and what config.toml says
_NOT_TOLD = ("image_sha256", "sha256", "configuration", "stats", "boot", "versions", "config")
_LISTED = 1000  # pictures in a table; of more, how many ended in which status


class Progress:
    """Says on stderr how it goes on, and keeps the names of what is done."""

    def __init__(self, quiet: bool, *, alone: bool) -> None:
        self.quiet, self.alone = quiet, alone
        self.names: list[str] = []
        self._began, self._solved = time.monotonic(), 0

    def say(self, line: str) -> None:
        if not self.quiet:
            to_stderr(f"invkit: {line}")

    def failure(self, failure: Failure) -> None:
        if not self.alone:
            to_stderr(f"invkit: error: {failure}")

    def step(self, step: Step) -> None:
        if step.failure is not None:
            self.failure(step.failure)
            return
        assert step.record is not None
        self.names.append(step.item.name)
        if step.kept:
            return
        self._solved += 1
        if not self.alone and not self.quiet:
            to_stderr(f"[{step.number}/{step.of}] {step.item}{self._time_left(step.of - step.number)}")
        remark = (step.record.get("notes") or {}).get("remark")
        if remark:
            self.say(f"{step.item}: {remark}")

    def _time_left(self, left: int) -> str:
        """On a terminal, how long the images left will take, by those solved so far."""
        if not left or not sys.stderr.isatty():
            return ""
        seconds = round((time.monotonic() - self._began) * left / self._solved)
        return f" (about {seconds // 60}:{seconds % 60:02d} left)"


class _Records(list[dict[str, Any]]):
    """The records of a run, read when they are printed: there may be a million.

    Those of packed results and of a cluster come from the indexes, without the configuration.
    """

    def __init__(self, out: Path, names: Sequence[str], *, full: bool, indexed: bool) -> None:
        super().__init__()
        self._out, self._names, self._indexed = out, names, indexed
        self._left_out = () if full else _NOT_TOLD

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for record in self._whole():
            yield {key: value for key, value in record.items() if key not in self._left_out}

    def _whole(self) -> Iterator[dict[str, Any]]:
        if self._indexed:
            from invkit.batch.index import records_in

            yield from records_in(self._out, self._names)
        else:
            for name in self._names:
                yield json.loads((self._out / f"{name}.json").read_bytes())


def print_run(
    done: Report,
    names: Sequence[str],
    passed_over: Mapping[Path, str],
    as_json: bool,
    *,
    full: bool,
    indexed: bool,
) -> None:
    """Print a run that has ended: its records as JSON, or a table, and what its statuses mean.

    Args:
        done: the run.
        names: of the finished pictures, as their records are named.
        passed_over: files that are no pictures, and why.
        as_json: whether JSON is asked for.
        full: whether records keep what only the next run needs.
        indexed: whether records are in the indexes, and not in files of their own.
    """
    records = _Records(done.out, names, full=full, indexed=indexed)
    if as_json:
        print_json(
            {
                "out": str(done.out),
                "images": records,
                "finished_before": done.kept,
                "failed": [{"image": each.source, "error": each.reason} for each in done.failed],
                "skipped": skipped_records(passed_over),
                "interrupted": done.interrupted,
            }
        )
        return
    if len(records) > _LISTED:
        rows = [*done.status.items(), *([("failed", len(done.failed))] if done.failed else [])]
        print_table(("status", f"images in {done.out}"), [(status, str(count)) for status, count in rows])
    else:
        _print_records(list(records), done)
    for status, meaning in _EXPLAINED.items():
        if status in done.status:
            say(f"{status}: {meaning}")
    if done.kept:
        say(f"{done.kept} of {done.of} were finished before; --again solves them anew")


def _print_records(records: Sequence[dict[str, Any]], done: Report) -> None:
    sure = any(record.get("confidence") is not None for record in records)
    rows = [
        (
            record["image"],
            record["status"],
            *([_number(record.get("confidence"), ".2f")] if sure else []),
            _number(record["residual_rms"], ".4f"),
            f"{record['seconds']:.1f}",
            record["files"].get("sharp", "–"),
        )
        for record in records
    ]
    columns = (
        *("image", "status", *(["confidence"] if sure else [])),
        *("residual (rms)", "seconds", f"in {done.out}"),
    )
    rows += [(each.source, "failed", *["–"] * (len(columns) - 2)) for each in done.failed]
    print_table(columns, rows)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
