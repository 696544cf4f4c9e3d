"""What does a folder's run cost beside the solves, and what is gained by batches and by jobs?

    OMP_NUM_THREADS=1 python -m benchmarks.folders --pictures 100000        # overhead, memory, resume
    OMP_NUM_THREADS=1 python -m benchmarks.folders --solves 64              # batches and jobs

Overhead is that of a solver that gives the picture back, all included: reading, records, index, files. Memory
is the largest so far, of this process. Times are of the CPU, of this process and of those it has started, so
that a busy machine changes them little; wall times are printed beside them, for a quiet one. Two jobs begin
with the start of two processes, which costs some seconds once: the throughput of the second half of the
pictures is without it. ``--times 50`` gives the quick solver fifty times as many.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

import invkit
from benchmarks._measuring import Report, reported
from benchmarks._small_pictures import giving_back, write_pictures
from invkit.batch.mapping import Step

#: on pictures of 28 × 28
SOLVERS: dict[str, Callable[[], invkit.Pipeline]] = {
    "altgd": lambda: invkit.compose("circconv", ["vae:blurA", "vae:mnist"], "altgd"),
    "tv": lambda: invkit.compose("circconv", [invkit.Given(torch.full((1, 5, 5), 0.04)), "identity"], "tv"),
}


def took(work: Callable[[], Any]) -> tuple[float, float]:
    """CPU and wall seconds of a call."""

    def spent() -> float:
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, who))

    cpu, wall = spent(), time.perf_counter()
    work()
    return spent() - cpu, time.perf_counter() - wall


def on_disk(folder: Path) -> int:
    """Bytes that the files of a folder take, in whole blocks."""
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir() if path.is_file())


def overhead(source: Path, out: Path, pictures: int) -> Report:
    """CPU milliseconds a picture; memory that grew after the first tenth; a run that finds all done."""
    memory = {}

    def tell(step: Step) -> None:
        if step.number in (max(1, pictures // 10), pictures):
            memory[step.number] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def work() -> None:
        assert invkit.map(giving_back(), source, out, jobs=1, only="sharp", tell=tell).solved == pictures

    def resumed() -> None:
        assert invkit.map(giving_back(), source, out, jobs=1, only="sharp").kept == pictures

    packed = out.with_name("packed")

    def pack() -> None:
        invkit.map(giving_back(), source, packed, jobs=1, only="sharp", pack=True)

    cpu, wall = took(work)
    again, again_wall = took(resumed)
    packing, resuming = took(pack)[0], took(pack)[0]
    return {
        "pictures": pictures,
        "ms a picture (CPU)": 1e3 * cpu / pictures,
        "ms a picture (wall)": 1e3 * wall / pictures,
        "MB more at the end than after a tenth": max(memory.values()) - min(memory.values()),
        "resume: seconds (CPU)": again,
        "resume: seconds (wall)": again_wall,
        "kB a picture on the disk": on_disk(out) / pictures / 1024,
        "packed: ms a picture (CPU)": 1e3 * packing / pictures,
        "packed: resume: seconds (CPU)": resuming,
        "packed: kB a picture on the disk": on_disk(packed) / pictures / 1024,
    }


def throughput(source: Path, place: Path, pictures: int, name: str, batch: int) -> Report:
    """Seconds a picture, one by one and in batches, and with two jobs.

    The last ratio is that of wall times on a machine with nothing else to do, were the work dealt evenly.
    """
    times, half = {}, dict[str, float]()
    for way, together, jobs in (("one by one", 1, 1), ("batches", batch, 1), ("batches, 2 jobs", batch, 2)):
        options = {"jobs": jobs, "batch": together, "only": ("sharp", "sharp_exact")}

        def tell(step: Step) -> None:
            if step.number in (step.of // 2, step.of):
                half[way] = time.perf_counter() - half.get(way, 0.0)  # noqa: B023

        def work() -> None:
            invkit.map(SOLVERS[name](), source, place / f"{name}-{way}", **options, tell=tell)  # noqa: B023

        times[way] = took(work)
    one, batches, two = times.values()
    return {
        "pictures": pictures,
        "of a batch": batch,
        **{f"{way}: ms (CPU)": 1e3 * cpu / pictures for way, (cpu, _) in times.items()},
        **{f"{way}: ms (wall)": 1e3 * wall / pictures for way, (_, wall) in times.items()},
        "one by one / batches (CPU)": one[0] / batches[0],
        "1 job / 2 jobs (wall)": batches[1] / two[1],
        "1 job / 2 jobs (wall, second half)": half["batches"] / half["batches, 2 jobs"],
        "2 × CPU of 1 job / of 2 jobs": 2 * batches[0] / two[0],
    }


@reported
@click.option("--pictures", default=0, help="For overhead, memory and resume.")
@click.option("--solves", default=0, help="Pictures for batches and jobs.")
@click.option("--times", default=1, show_default=True, help="As many more of them for the solver tv.")
@click.option("--batch", default=16, show_default=True, help="Pictures of a batch, a quarter of all at most.")
def main(pictures: int, solves: int, times: int, batch: int) -> Report:
    """Measure what was asked for."""
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if pictures:
            write_pictures(place / "in", pictures)
            report["overhead"] = overhead(place / "in", place / "out", pictures)
        if solves:
            for solver, count in (("altgd", solves), ("tv", solves * times)):
                write_pictures(place / solver, count)
                report[solver] = throughput(place / solver, place, count, solver, batch)
    return report


if __name__ == "__main__":
    main()
