"""The parts of a run on the workers of dask: an extra, ``pip install 'invkit[dask]'``.

    invkit.map(pipeline, "photos", "out", cluster="local:4")
    invkit.map(pipeline, "photos", "out", cluster="tcp://head:8786")

A task of the cluster is a part of the run, ``3-of-256``, with the lock, the index and the tar of its own that
``shard=(3, 256)`` has. The folder is what counts: a task that is started again, because its worker has died,
goes on from the records there. All workers must see the same folders under the same names.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from invkit.batch.items import Failure, Item, Source
from invkit.batch.lock import HeldError
from invkit.batch.mapping import Report, recover_part
from invkit.batch.recovering import Recovery, Say
from invkit.batch.workers import Processes
from invkit.errors import InputError, MissingExtra, OutputError

__all__ = ["parts_of", "recover_on"]

_LARGEST, _FEWEST = 250, 256
_PATIENCE = 60.0  # seconds for a worker that was given up to end its part
_TRIES = 3  # of a part in which nothing goes on
_WAITING = 4  # parts that are handed over for each thread


def parts_of(pictures: int) -> int:
    """The number of parts of a run.

    There are at least 256, each of at most 250 pictures. A run of fewer pictures has one part for each.
    """
    return min(pictures, max(_FEWEST, -(-pictures // _LARGEST)))


def recover_on(
    cluster: str,
    recovery: Recovery,
    source: Source,
    failures: Sequence[Failure],
    out: Path,
    *,
    pack: bool = False,
    say: Say | None = None,
) -> Report:
    """Solve the pictures of a source on a cluster.

    A part is handed to another worker where its own has died. That ends where a part has been given up by the
    scheduler three times in turn without a picture more.

    Args:
        cluster: ``tcp://host:port`` of a scheduler, or ``local:4`` for four processes of this machine.
        recovery: what is done with a picture.
        source: the pictures.
        failures: what was found to be none.
        out: the folder of the results.
        pack: write them to tars.
        say: told in a line when a part is done.

    Returns:
        Counts of all parts. Of a part that was started again, pictures of the attempts before count as kept.

    Raises:
        MissingExtra: dask's ``distributed`` is not installed.
        InputError: another word for the cluster, or a pipeline that cannot be handed over.
        OutputError: the folder cannot be written, or the scheduler is gone.
    """
    if recovery.pipeline.monitors:
        raise InputError("monitors watch one solve at a time", hint="leave them out on a cluster")
    try:
        blob = pickle.dumps(recovery)
    except Exception as error:  # pickle raises whatever an object's own code does
        raise InputError(
            f"the pipeline cannot be sent to a cluster: {error}",
            hint="define its classes in a module that can be imported",
        ) from error
    parts = parts_of(len(source))
    reports: list[Report] = []
    with _client(cluster) as client:
        try:
            for report in _reports(client, blob, source, out.absolute(), parts, pack):
                reports.append(report)
                if say is not None:
                    done = sum(each.solved + each.kept for each in reports)
                    say(f"{len(reports)} of {parts} parts, {done} of {len(source)} images")
                if report.full is not None:
                    break
        except KeyboardInterrupt:
            return attrs.evolve(_whole(reports, source, failures, out), interrupted=True)
    return _whole(reports, source, failures, out)


def _reports(
    client: Any, blob: bytes, source: Source, out: Path, parts: int, pack: bool
) -> Iterator[Report]:
    """The report of each part, in the order in which they are done."""
    from distributed import KilledWorker, as_completed

    coming = enumerate(_shares(source, parts), 1)
    # A task may be made again where its result is lost with a worker; data that were scattered may not.
    recovery = client.submit(bytes, blob, pure=False)
    run = uuid.uuid4().hex
    tries: dict[Any, _Try] = {}
    running = as_completed(loop=client.loop)

    def submit(each: _Try) -> None:
        task = client.submit(_recovered, run, recovery, each.items, out, each.part, pack, pure=False)
        tries[task] = each
        running.add(task)

    def hand_over() -> None:
        most = _WAITING * max(1, sum(client.nthreads().values()))
        for number, items in islice(coming, max(0, most - len(tries))):
            submit(_Try(f"{number}-of-{parts}", items))

    try:
        with _connected():
            hand_over()
        for task in running:
            each = tries.pop(task)
            if task.status == "finished":
                with _connected():
                    report = task.result()
                yield report
            elif task.status == "error":
                with _connected():
                    error = task.exception()
                if not isinstance(error, KilledWorker | HeldError):
                    raise error
                again = each.again(out, error)
                with _connected():
                    submit(again)
            else:
                raise _gone()
            with _connected():
                hand_over()
    finally:
        with suppress(Exception):  # of a cluster that has gone
            client.cancel(list(tries))
            client.run(_dismiss, run)


@contextmanager
def _connected() -> Iterator[None]:
    """Whatever dask raises inside the block, because the scheduler has gone, is said in a line."""
    try:
        yield
    except (OSError, RuntimeError, CancelledError, asyncio.CancelledError) as error:
        raise _gone() from error


def _gone() -> OutputError:
    return OutputError(
        "the scheduler has gone or was started anew",
        hint="give the same command again: what was finished is kept",
    )


def _shares(source: Source, parts: int) -> Iterator[tuple[Item, ...]]:
    """The pictures of each part; workers may have another current folder."""
    everything = [item.absolute() for item in source]
    return (tuple(everything[first::parts]) for first in range(parts))


@attrs.frozen
class _Try:
    """A part of the run that is handed over: how many attempts have brought it no further than so far."""

    part: str
    items: tuple[Item, ...]
    number: int = 1
    far: int = 0

    def again(self, out: Path, error: BaseException) -> _Try:
        """The next attempt; raises OutputError where the last ones brought nothing."""
        index = out / f"records-{self.part}.jsonl"
        far = index.stat().st_size if index.exists() else 0
        number = self.number + 1 if far == self.far else 1
        if number > _TRIES:
            raise OutputError(
                f"part {self.part} has lost its workers {self.number} times without a picture more: {error}",
                hint="look at the logs of the workers; give the same command again to go on",
            ) from error
        return attrs.evolve(self, number=number, far=far)


#: on a worker: the run, and who solves its pictures, of each of its threads
_crews: dict[int, tuple[str, Recovery, Processes]] = {}


def _recovered(run: str, blob: bytes, items: tuple[Item, ...], out: Path, part: str, pack: bool) -> Report:
    """Solve a part, on a worker, in a process beside it: a picture that kills it costs itself alone."""
    recovery, crew = _crew_of(run, blob)
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            report = recover_part(recovery, items, out, part, of=len(items), pack=pack, crew=crew)
            failed = tuple(attrs.evolve(each, error=None) for each in report.failed)  # it may not travel
            return attrs.evolve(report, failed=failed)
        except HeldError:  # by a worker that the scheduler has given up
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def _crew_of(run: str, blob: bytes) -> tuple[Recovery, Processes]:
    """Who solves for this thread: a process that stays until the run is over."""
    thread = threading.get_ident()
    known = _crews.get(thread)
    if known is None or known[0] != run:
        if known is not None:
            known[2].__exit__(None, None, None)
        recovery: Recovery = pickle.loads(blob)
        known = _crews[thread] = (run, recovery, Processes(recovery, [recovery.device]))
    return known[1:]


def _dismiss(run: str) -> None:
    """End the processes of a run, on a worker."""
    for thread, (own, _, crew) in list(_crews.items()):
        if own == run:
            del _crews[thread]
            crew.__exit__(None, None, None)


@contextmanager
def _client(cluster: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("runs on a cluster", "distributed", "dask") from error
    kind, _, number = cluster.partition(":")
    for name in ("distributed", "distributed.client"):  # dask gives both a level of their own
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said in a line
    if kind == "local" and number.isdecimal() and int(number):
        options = {"n_workers": int(number), "threads_per_worker": 1, "dashboard_address": None}
        with (
            distributed.LocalCluster(**options, silence_logs=logging.CRITICAL) as here,
            distributed.Client(here) as client,
        ):
            yield client
    elif kind in ("tcp", "tls", "ucx") and number:
        try:
            client = distributed.Client(cluster)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no scheduler answers at {cluster}: {error}", hint="start one: dask scheduler"
            ) from error
        with client:
            yield client
    else:
        raise InputError(
            f"cluster={cluster} is no cluster", hint="write tcp://host:port of a scheduler, or local:4"
        )


def _whole(reports: Sequence[Report], source: Source, failures: Sequence[Failure], out: Path) -> Report:
    """The parts' reports as one."""
    status = Counter[str]()
    for each in reports:
        status.update(each.status)
    return Report(
        out,
        solved=sum(each.solved for each in reports),
        kept=sum(each.kept for each in reports),
        of=len(source),
        status=dict(status),
        failed=(*failures, *(failure for each in reports for failure in each.failed)),
        full=next((each.full for each in reports if each.full is not None), None),
    )
