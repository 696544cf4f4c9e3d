"""Simulation of a run of a million pictures whose workers are lost at random.

    python -m benchmarks.failures                                 # a table; 100 workers, 2 s a picture
    python -m benchmarks.failures --workers 50 --seconds 10

A part of the run is given to a worker, which solves its pictures one after another. Each picture takes a
time of its own (log-normal, with the mean ``--seconds`` and a spread of 0.3). A worker is lost after an
exponential time. The picture that it was at is lost with it; those before stay, for their records are in the
folder. The scheduler notices after ``--notice`` seconds, and gives the part to the next worker that is free,
which looks at the finished pictures (``--check``) and goes on. A new worker comes after ``--start`` seconds.
Every picture must be done exactly once, or the command fails.

The overhead is the time of all workers until the last picture is done, over the time that the pictures take.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import attrs
import click
import numpy as np

from benchmarks._measuring import Report, reported

_SPREAD = 0.3


@attrs.frozen
class Costs:
    """Seconds besides those of the pictures."""

    part: float
    check: float
    start: float
    notice: float


def simulated(
    seconds: np.ndarray, size: int, workers: int, between: float, costs: Costs, seed: int
) -> tuple[float, int]:
    """Run through the events until every picture is done.

    Args:
        seconds: that each picture takes.
        size: pictures of a part.
        workers: how many there are.
        between: mean seconds between two losses of one worker.
        costs: what comes on top.
        seed: of the losses.

    Returns:
        When the last picture was done, and how many workers were lost.
    """
    rng = np.random.default_rng(seed)
    times = np.zeros(len(seconds), dtype=int)  # that each picture was done
    # Parts by when they can be taken: their first picture, how many are done, and the end.
    parts = [(0.0, first, 0, min(first + size, len(seconds))) for first in range(0, len(seconds), size)]
    free = [(0.0, worker, rng.exponential(between)) for worker in range(workers)]  # when, and until when
    end, lost = 0.0, 0
    while parts:
        there, first, done, stop = heapq.heappop(parts)
        now, worker, fails = heapq.heappop(free)
        begin = max(now, there)
        while fails < begin:  # lost while it had nothing to do
            lost += 1
            begin = max(begin, fails + costs.start)
            fails += costs.start + rng.exponential(between)
        ready = begin + costs.part + costs.check * done
        finished = ready + np.cumsum(seconds[first + done : stop])
        made = int(np.searchsorted(finished, fails)) if ready < fails else 0
        times[first + done : first + done + made] += 1
        if made < stop - first - done:
            lost += 1
            heapq.heappush(parts, (fails + costs.notice, first, done + made, stop))
            now = fails + costs.start
            heapq.heappush(free, (now, worker, now + rng.exponential(between)))
        else:
            end = max(end, float(finished[-1]))
            heapq.heappush(free, (float(finished[-1]), worker, fails))
    if not (times == 1).all():
        raise click.ClickException(f"{int((times != 1).sum())} pictures were not done exactly once")
    return end, lost


@reported
@click.option("--pictures", default=1_000_000, show_default=True)
@click.option("--workers", default=100, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="That a picture takes.")
@click.option("--minutes", default="1,5,20,60,1440", show_default=True, help="Between losses of a worker.")
@click.option("--sizes", default="100,250,1000", show_default=True, help="Pictures of a part.")
@click.option("--part", default=0.1, show_default=True, help="Seconds to begin a part.")
@click.option("--check", default=0.0005, show_default=True, help="Seconds to look at a finished picture.")
@click.option("--start", default=10.0, show_default=True, help="Seconds until a new worker is there.")
@click.option("--notice", default=5.0, show_default=True, help="Seconds until a loss is noticed.")
@click.option("--seed", default=0, show_default=True)
def main(
    pictures: int,
    workers: int,
    seconds: float,
    minutes: str,
    sizes: str,
    part: float,
    check: float,
    start: float,
    notice: float,
    seed: int,
) -> Iterator[Report]:
    """Print the overhead for each time between losses and each size of the parts."""
    mean = np.log(seconds) - _SPREAD**2 / 2
    takes = np.random.default_rng(seed).lognormal(mean, _SPREAD, pictures)
    costs = Costs(part, check, start, notice)
    for each in map(float, minutes.split(",")):
        report: dict[str, Report | float] = {"minutes between losses of a worker": each}
        for size in map(int, sizes.split(",")):
            end, lost = simulated(takes, size, workers, 60 * each, costs, seed)
            over = 100 * (workers * end / float(takes.sum()) - 1)
            report[f"parts of {size}"] = {"hours": end / 3600, "workers lost": lost, "overhead, %": over}
        yield report


if __name__ == "__main__":
    main()
