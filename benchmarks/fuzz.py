"""Read damaged files of every format that invkit reads, and watch what happens.

    python -m benchmarks.fuzz                               # 2000 of each format: minutes
    python -m benchmarks.fuzz --mutations 10000 --only tiff,mat --out runs/fuzz

Small sound files are damaged at random (flipped bits, truncation, changed lengths, splices; values of another
type in configurations and cards, whose digests are put right again). A child process reads each. It has to
read the file or refuse it by an InvkitError. A crash, any other exception, more than five seconds of CPU time
or more than 500 MB are findings: the file is kept, and the exit code is 1.

The same seed gives the same files. A format whose extra is not installed is left out, and named.
"""

from __future__ import annotations

import json
import random
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import attrs
import click

from benchmarks._fuzz_formats import FORMATS
from invkit.cli.output import print_json, print_table
from invkit.errors import InvkitError

SECONDS, MEGABYTES = 5.0, 500.0
"""The most that reading one file may take: seconds of CPU time, and megabytes beyond those before."""

_PATIENCE = 120.0  # seconds without an answer, on a machine that may be busy
_ROOM = 1_000  # megabytes of addresses beyond what the child has at the start


@attrs.define
class Tally:
    """How many files of a format were read or refused, and which of them are findings."""

    read: int = 0
    refused: int = 0
    findings: list[str] = attrs.field(factory=list)
    slowest: float = 0.0
    most: float = 0.0


def content_of(form: str, number: int, seed: int, seeds: Any) -> bytes:
    """The damaged file of this number."""
    return FORMATS[form].mutated(random.Random(f"{form} {seed} {number}"), seeds)


def fuzzed(form: str, mutations: int, seed: int, out: Path) -> Tally:
    """Read so many damaged files of a format in child processes.

    Args:
        form: the format.
        mutations: how many files.
        seed: of the damage.
        out: folder in which files that are findings are kept.
    """
    tally, first = Tally(), 0
    while first < mutations:
        last = None
        for answer in _answers(form, first, mutations, seed):
            last = answer["number"]
            _count(tally, form, answer, seed, out)
        if last != mutations - 1:  # the child ended, or was ended, over the file after the last answer
            number = first if last is None else last + 1
            _keep(tally, form, number, "crash or hang", seed, out)
            first = number + 1
        else:
            break
    return tally


def _count(tally: Tally, form: str, answer: dict[str, Any], seed: int, out: Path) -> None:
    tally.slowest = max(tally.slowest, answer["seconds"])
    tally.most = max(tally.most, answer["megabytes"])
    tally.read += answer["outcome"] == "read"
    tally.refused += answer["outcome"] == "refused"
    what = answer["outcome"]
    if what in ("read", "refused"):
        slow, large = answer["seconds"] > SECONDS, answer["megabytes"] > MEGABYTES
        if not (slow or large):
            return
        what = f"{answer['seconds']:.1f} s, {answer['megabytes']:.0f} MB"
    _keep(tally, form, answer["number"], what, seed, out)


def _keep(tally: Tally, form: str, number: int, what: str, seed: int, out: Path) -> None:
    path = out / f"{form}-{seed}-{number}{FORMATS[form].suffix}"
    out.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content_of(form, number, seed, FORMATS[form].seeds()))
    tally.findings.append(f"{path}: {what}")


def _answers(form: str, first: int, end: int, seed: int) -> Iterator[dict[str, Any]]:
    """A child's answer for each file, until it has read all, has died, or is silent for too long."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", form, str(first), str(end), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        try:
            for line in _lines(child.stdout):
                yield json.loads(line)
        finally:
            child.kill()


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        held = b""
        while waiting.select(_PATIENCE):
            piece = stream.read1()  # type: ignore[attr-defined]
            if not piece:
                return
            *lines, held = (held + piece).split(b"\n")
            yield from lines


def work(form: str, first: int, end: int, seed: int) -> None:
    """Read the damaged files of a range here, and answer a line of JSON for each on stdout."""
    answers, sys.stdout = sys.stdout, sys.stderr
    seeds, read = FORMATS[form].seeds(), FORMATS[form].read
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{FORMATS[form].suffix}"
        path.write_bytes(FORMATS[form].whole(seeds[0]))
        read(path)  # what a sound file takes is no finding
        _limit_memory()
        for number in range(first, end):
            path.write_bytes(content_of(form, number, seed, seeds))
            before, began = _megabytes(), time.process_time()
            outcome = _outcome(form, path)
            taken = {"seconds": time.process_time() - began, "megabytes": _megabytes() - before}
            print(json.dumps({"number": number, "outcome": outcome, **taken}), file=answers, flush=True)


def _outcome(form: str, path: Path) -> str:
    """``read``, ``refused``, or what went wrong."""
    try:
        FORMATS[form].read(path)
    except InvkitError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, MemoryError):
            cause = cause.__cause__
        return "refused" if cause is None else f"more than {_ROOM} MB wanted: {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[-300:]} ({Path(place.filename).name}:{place.lineno})"
    return "read"


def _limit_memory() -> None:
    """Let the process have a bounded amount of addresses beyond those that it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _ROOM * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _megabytes() -> float:
    """The largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


@click.command("fuzz", help=__doc__)
@click.option("--mutations", type=click.IntRange(1), default=2000, show_default=True, help="Of each format.")
@click.option("--only", metavar="NAMES", help=f"Formats, with commas between: {', '.join(FORMATS)}.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("fuzz-findings"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--worker", nargs=4, hidden=True)
def main(
    mutations: int, only: str | None, seed: int, out: Path, as_json: bool, worker: tuple[str, ...] | None
) -> None:
    """Run the fuzzer, or one of its children."""
    if worker is not None:
        form, *numbers = worker
        work(form, *map(int, numbers))
        return
    chosen = list(FORMATS) if only is None else only.split(",")
    if unknown := [name for name in chosen if name not in FORMATS]:
        raise click.UsageError(f"no format {unknown[0]}; known: {', '.join(FORMATS)}")
    tallies: dict[str, Tally] = {}
    for form in chosen:
        try:
            FORMATS[form].seeds()
        except ImportError as error:
            click.echo(f"{form} is left out: {error}", err=True)
            continue
        tallies[form] = fuzzed(form, mutations, seed, out)
        for finding in tallies[form].findings:
            click.echo(finding, err=True)
        click.echo(f"{form}: {len(tallies[form].findings)} findings", err=True)
    if as_json:
        print_json({"seed": seed, "mutations": mutations} | {k: attrs.asdict(v) for k, v in tallies.items()})
    else:
        columns = ("format", "files", "read", "refused", "findings", "slowest (CPU s)", "most memory (MB)")
        print_table(columns, [_row(form, mutations, each) for form, each in tallies.items()])
    sys.exit(int(any(each.findings for each in tallies.values())))


def _row(form: str, mutations: int, tally: Tally) -> tuple[str, ...]:
    counts = (mutations, tally.read, tally.refused, len(tally.findings))
    return (form, *map(str, counts), f"{tally.slowest:.2f}", f"{tally.most:.0f}")


if __name__ == "__main__":
    main()
