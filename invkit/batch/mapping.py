"""Run a pipeline over many pictures: ``invkit.map``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any

import attrs
import torch

from invkit.arguments import as_count
from invkit.batch.folder import Folder
from invkit.batch.items import Failure, Item, Source, find_items
from invkit.batch.recovering import FILES, FULL, Recovery, Say
from invkit.batch.workers import Crew, Inline, Processes
from invkit.compose import Pipeline
from invkit.contracts.ambient import as_device
from invkit.errors import InputError, OutputError
from invkit.files.archives import Archive
from invkit.files.pictures import MAX_PIXELS
from invkit.watched import watched

__all__ = ["Report", "check_out", "map", "recover_all"]

Tell = Callable[["Step"], None]


@attrs.frozen
class Step:
    """One picture of a run is done with.

    Args:
        item: the picture.
        number: how many are done with, this one included.
        of: how many there are in this run.
        record: its record; None where it failed.
        failure: why it failed; None where it did not.
        kept: whether it was finished before.
    """

    item: Item
    number: int
    of: int
    record: dict[str, Any] | None = None
    failure: Failure | None = None
    kept: bool = False


@attrs.frozen
class Report:
    """What became of a run.

    Args:
        out: the folder of the results.
        solved: how many pictures were solved.
        kept: how many were finished before.
        of: how many the run has.
        status: how many ended in which status, those finished before included.
        failed: those that could not be solved.
        interrupted: whether Ctrl-C ended it.
        full: what the system said of a full disk, which ended it.
    """

    out: Path
    solved: int
    kept: int
    of: int
    status: dict[str, int]
    failed: tuple[Failure, ...]
    interrupted: bool = False
    full: str | None = None


def map(
    pipeline: Pipeline,
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    again: bool = False,
    shard: tuple[int, int] | None = None,
    pack: bool = False,
    cluster: str | None = None,
    only: Iterable[str] = tuple(FILES),
    batch: int = 1,
    grey: bool = False,
    max_pixels: int = MAX_PIXELS,
    device: str | None = None,
    tell: Tell | None = None,
) -> Report:
    """Recover every picture of a source, and write the results to a folder.

    For ``a.png`` the folder gets ``a_sharp.png``, ``a_kernel.png`` and so on, and the record ``a.json``.
    ``records.jsonl`` has all records, one a line. The same call again goes on where the last one stopped:
    pictures with a record that fits picture, configuration and results are left as they are. A picture that
    fails does not stop the others. Several pictures are solved with one thread each, so that the results are
    the same, to the bit, for any number of jobs.

    Args:
        pipeline: what recovers them.
        source: an image, a folder of images, a zip or a tar of them, a text file with a path of an image in
            each line, or several of these. A folder without images stands for its archives, and
            ``shards-{000..009}.tar`` for ten of them.
        out: the folder of the results.
        jobs: processes that solve; by default as many as torch has threads, or one for each accelerator.
        again: solve what is finished, too.
        shard: ``(2, 8)``: of eight parts of the source, only the second. Parts may run at the same time.
        pack: write the results to a tar, ``results.tar``, or one for each part; in it they are called
            ``a.sharp.png``, ``a.kernel.png``, …, ``a.json``.
        cluster: a cluster of dask that solves, ``tcp://host:port`` of a scheduler, or ``local:4`` for four
            processes here. See :mod:`invkit.batch.cluster`.
        only: what is written of each picture beside its record: of ``sharp``, ``sharp_exact``, ``kernel``,
            ``kernel_exact``, ``panel`` and ``unsoftened``.
        batch: small pictures of one size, of at most 64 × 64 pixels, that are solved together: several times
            faster. The results are then those of one by one up to rounding, not to the bit.
        grey: reduce colour images to grey.
        max_pixels: refuse larger pictures unread.
        device: where tensors are, by default the pipeline's device; ``"cuda"`` stands for all of them.
        tell: called when a picture is done with. None: on a terminal or in a notebook, stderr says how many
            are done.

    Returns:
        Counts, and what failed. Ctrl-C and a full disk end the run early, and the report says so.

    Raises:
        InputError: nothing in the source is an image, a number out of range, or no such device here.
        OutputError: the folder cannot be written, or another run writes to it.
    """
    paths = _checked(pipeline, source, out)
    as_count(max_pixels, "max_pixels")
    for name, flag in (("again", again), ("pack", pack), ("grey", grey)):
        if not isinstance(flag, bool):
            raise InputError(f"{name} is {flag!r}", hint=f"write {name}=True, or leave it out")
    if tell is not None and not callable(tell):
        raise InputError(f"tell is {tell!r}", hint="give a function that takes a step, or leave it out")
    found, failures = find_items([Path(each) for each in paths])
    if not len(found):
        raise InputError(str(failures[0]) if failures else "no image was given", hint="name an image")
    place = str(as_device(device or pipeline.device or "cpu"))
    plain = attrs.evolve(pipeline, device=None)
    recovery = Recovery(plain, grey, max_pixels, device=place, only=only, batch=batch)
    check_out([Path(each) for each in paths], found, Path(out))
    options: dict[str, Any] = {"jobs": jobs, "again": again, "shard": shard, "pack": pack, "cluster": cluster}
    tell = _count if tell is None and watched() else tell
    return recover_all(recovery, found, failures, Path(out), **options, tell=tell)


def _checked(pipeline: Any, source: Any, out: Any) -> list[str | os.PathLike[str]]:
    """The paths of a source; raises :class:`InputError` where the arguments are not what they should be."""
    order = 'write invkit.map(pipeline, "photos", "out")'
    if not isinstance(pipeline, Pipeline):
        named = isinstance(pipeline, str) and not isinstance(source, Pipeline)
        raise InputError(
            f"the first argument of map must be a pipeline, got {_named(pipeline)}",
            hint=f'write invkit.map(invkit.method({pipeline!r}), "photos", "out")' if named else order,
        )
    if not isinstance(out, str | os.PathLike):
        raise InputError(f"out must be the path of a folder, got {_named(out)}", hint=order)
    one = isinstance(source, str | bytes | os.PathLike) or hasattr(source, "dtype")
    paths = list(source) if isinstance(source, Iterable) and not one else [source]
    for each in paths:
        if not isinstance(each, str | os.PathLike):
            raise InputError(
                f"map takes paths of pictures, got {_named(each)}",
                hint=f"{order}; measurements in memory are recovered by pipeline(y)",
            )
    for name, each in (("out", out), *(("source", path) for path in paths)):
        if not os.fspath(each):
            raise InputError(f"{name} is empty", hint=f'{order}; the current folder is "."')
    return paths


def _named(given: Any) -> str:
    """An argument as a message names it: a text in quotes, anything else by its class."""
    return repr(given) if isinstance(given, str) else type(given).__name__


def _part(shard: Any) -> tuple[int, int]:
    """A part of a source, and how many there are; raises :class:`InputError` where it is none."""
    pair = isinstance(shard, tuple | list) and len(shard) == 2
    if not pair or not all(isinstance(number, Integral) for number in shard):
        raise InputError(
            f"shard={shard!r} is no part", hint="write two whole numbers: shard=(2, 8), the second of eight"
        )
    first, parts = shard
    if not 1 <= first <= parts <= sys.maxsize:
        raise InputError(f"there is no part {first} of {parts}", hint="number the parts from 1: (1, 8)")
    return first, parts


def _count(step: Step) -> None:
    """Say how many pictures are done, in one line that is written anew."""
    end = "\n" if step.number == step.of else ""
    print(f"\r{step.number} of {step.of} pictures", end=end, file=sys.stderr, flush=True)


def recover_all(
    recovery: Recovery,
    source: Source,
    failures: Sequence[Failure],
    out: Path,
    *,
    jobs: int | None = None,
    again: bool = False,
    shard: tuple[int, int] | None = None,
    pack: bool = False,
    cluster: str | None = None,
    tell: Tell | None = None,
    say: Say | None = None,
) -> Report:
    """Do :func:`map` for what was looked up already; ``say`` is told what is known before a solve."""
    first, parts = (1, 1) if shard is None else _part(shard)
    jobs = None if jobs is None else as_count(jobs, "jobs")
    as_count(recovery.batch, "batch")
    if cluster is not None:
        if jobs is not None or shard is not None or again:
            raise InputError(
                "a cluster has jobs and shards of its own, and solves nothing again",
                hint="leave jobs, shard and again out; choose an empty folder to solve anew",
            )
        from invkit.batch.cluster import recover_on

        return recover_on(cluster, recovery, source, failures, out, pack=pack, say=say)
    items = islice(source, first - 1, None, parts)
    of = len(range(first - 1, len(source), parts))
    part = f"{first}-of-{parts}" if parts > 1 else ""
    options: dict[str, Any] = {"jobs": jobs, "again": again, "pack": pack, "tell": tell, "say": say}
    done = recover_part(recovery, items, out, part, of=of, **options)
    return attrs.evolve(done, failed=(*failures, *done.failed))


def recover_part(
    recovery: Recovery,
    items: Iterable[Item],
    out: Path,
    part: str = "",
    *,
    of: int,
    jobs: int | None = None,
    again: bool = False,
    pack: bool = False,
    tell: Tell | None = None,
    say: Say | None = None,
    crew: Crew | None = None,
) -> Report:
    """Solve the pictures of a part of a run, ``"2-of-8"``, and write their results.

    Args:
        items: its pictures, ``of`` in number.
        crew: who solves them, in place of ``jobs`` processes, and stays.
    """
    failed, status = list[Failure](), Counter[str]()
    solved, kept = 0, 0
    interrupted, full = False, None
    with Folder(out, recovery, part, pack=pack) as folder:

        def told(item: Item, **what: Any) -> None:
            if tell is not None:
                tell(Step(item, solved + kept + len(failed), of, **what))

        def left() -> Iterator[Item]:
            nonlocal kept
            for item in items:
                record = None if again else folder.finished(item)
                if record is None:
                    try:
                        folder.check(item)
                    except OutputError as error:
                        failed.append(Failure(str(item), error.message, error.hint, error=error))
                        told(item, failure=failed[-1])
                    else:
                        yield item
                    continue
                folder.note(record)
                kept += 1
                status[record["status"]] += 1
                told(item, record=record, kept=True)

        with _crew(recovery, jobs, of, say) if crew is None else nullcontext(crew) as solving:
            try:
                for item, outcome in solving.run(left()):
                    if isinstance(outcome, Failure):
                        failed.append(outcome)
                        told(item, failure=outcome)
                        if outcome.full:
                            full = outcome.reason
                            break
                        continue
                    record = folder.write(outcome)
                    solved += 1
                    status[record["status"]] += 1
                    told(item, record=record)
                    if record["status"] == "interrupted":
                        interrupted = True
                        break
            except KeyboardInterrupt:
                interrupted = True
            except OutputError as error:
                if getattr(error.__cause__, "errno", None) not in FULL:
                    raise
                full = str(error)
    return Report(out, solved, kept, of, dict(status), tuple(failed), interrupted, full)


def check_out(
    paths: Iterable[Path], source: Source, out: Path, suffixes: Iterable[str] = tuple(FILES.values())
) -> None:
    """Refuse a folder of results in which they would replace the pictures.

    Args:
        paths: what the pictures were found by.
        source: the pictures.
        out: the folder.
        suffixes: what follows a picture's name in those of its results.

    Raises:
        InputError: it is one of the folders, or a result has the name of a picture.
    """
    if any(path.is_dir() and path.resolve() == out.resolve() for path in paths):
        raise InputError(
            f"{out} is the folder of the images", hint="choose another for the results: they are images too"
        )
    folders = [each for each in source.listed if not isinstance(each, Archive)]
    inside = [set(names) for folder, names in folders if folder.resolve() == out.resolve()]
    for item in source if inside else ():
        for suffix in suffixes:
            if any(f"{item.name}{suffix}" in names for names in inside):
                raise InputError(
                    f"the results of {item} would replace {out / item.name}{suffix}",
                    hint="choose another folder for the results",
                )


def _crew(recovery: Recovery, jobs: int | None, pictures: int, say: Say | None) -> Crew:
    """Who solves so many pictures."""
    kind, _, number = recovery.device.partition(":")
    if kind != "cpu":
        backend = getattr(torch, kind)
        there = [f"{kind}:{each}" for each in range(backend.device_count())] if not number else []
        devices = there or [recovery.device]
        devices = [devices[each % len(devices)] for each in range(jobs or len(devices))]
    else:
        devices = ["cpu"] * (jobs or torch.get_num_threads())
    if recovery.pipeline.monitors and jobs is None:
        devices = devices[:1]
    devices = devices[:pictures]
    if recovery.pipeline.monitors and (len(devices) > 1 or recovery.batch > 1):
        raise InputError(
            "monitors watch one solve at a time", hint="use one job and batches of one, or leave them out"
        )
    most = min(recovery.batch, -(-pictures // max(1, len(devices))))
    if len(devices) > 1:
        return Processes(recovery, devices, say, most)
    return Inline(recovery, None if pictures <= 1 else 1, say, most)
