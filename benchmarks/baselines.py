"""How fast is blind Richardson–Lucy, and is it the same? Iterates and times beside deepinv's, in one run.

    pip install --no-deps "deepinv==0.5.*"      # the peer; without it only ours is measured
    OMP_NUM_THREADS=1 python -m benchmarks.baselines

Both run as a user runs them: our solver `blindrl` on a problem of `circconv` and free pixels, deepinv's
`BlindRL`, with and without its option `use_fft`; the same options, flat kernels and the measurement to start
from. Each is called in turn, so that a busy machine slows all of them alike. Times are medians of CPU time,
divided by the iterations; results are compared before anything is timed. deepinv evaluates its cost at each
iteration, ours at every fourth of a hundred (the points of the history): both are part of the time.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from types import ModuleType

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import torch
from torch import Tensor

import invkit
from benchmarks.operators import draw, peer

Run = Callable[[Tensor], tuple[Tensor, Tensor]]

SIZES: tuple[tuple[int, int, int, int], ...] = ((8, 3, 64, 28), (1, 3, 64, 15), (1, 1, 255, 27))
"""(batch, channels, side of images, side of kernels): the paper's faces; one picture; one of Levin's size."""

EPS = 1e-8


class NoProgress:
    """Stands for the progress bar that the peer makes and does not show."""

    def __init__(self, *arguments: object, **options: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: None


def ours(kernel: int, steps: int) -> Run:
    """The solver, as (w, x) of a measurement."""
    solver = invkit.solver({"kind": "blindrl", "steps": steps, "eps": EPS})
    priors = (invkit.prior(f"identity?shape=1x{kernel}x{kernel}"), invkit.prior("identity"))
    problem = invkit.Problem(invkit.operator("circconv"), priors)

    def run(y: Tensor) -> tuple[Tensor, Tensor]:
        solution = solver.solve(problem, y, torch.Generator().manual_seed(0))
        return solution.w, solution.x

    return run


def theirs(deepinv: ModuleType, kernel: int, steps: int, use_fft: bool) -> Run:
    """The peer's, likewise."""
    loop = importlib.import_module("deepinv.optim.fixed_point")
    if isinstance(loop.tqdm, type):  # a stub, where tqdm is not installed
        loop.tqdm = NoProgress  # type: ignore[attr-defined]
    model = deepinv.optim.BlindRL(max_iter=steps, kernel_size=kernel, use_fft=use_fft, eps=EPS)

    def run(y: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            x, w = model(y)
        return w, x

    return run


def difference(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """The largest absolute difference of the images (in [0, 1]) and of the kernels relative to their peak."""
    scale = float(other[0].abs().max())
    return max(
        float((one[1] - other[1]).abs().max()),
        float((one[0] - other[0]).abs().max()) / scale,
    )


def medians(runs: dict[str, Run], y: Tensor, steps: int, repeats: int) -> dict[str, float]:
    """Milliseconds of CPU time an iteration, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.process_time()
            run(y)
            if turn:  # the first turn warms caches and plans up
                times[name].append(1e3 * (time.process_time() - start) / steps)
    return {name: statistics.median(values) for name, values in times.items()}


def measure(
    batch: int, channels: int, size: int, kernel: int, steps: int, compared: int, repeats: int
) -> dict[str, object]:
    """Every figure at one size, as plain data; what needs the peer is missing without it."""
    w, x, _ = draw(batch, channels, size, kernel)
    y = invkit.operator("circconv")(w, x)
    deepinv = peer()

    def runs(steps: int) -> dict[str, Run]:
        found = {"invkit blindrl": ours(kernel, steps)}
        if deepinv is not None:
            for use_fft in (True, False):
                name = f"deepinv BlindRL(use_fft={use_fft})"
                found[name] = theirs(deepinv, kernel, steps, use_fft)
        return found

    report: dict[str, object] = {
        "size": f"batch {batch}, {channels}x{size}x{size}, kernels {kernel}x{kernel}",
        "peer": None if deepinv is None else f"deepinv {deepinv.__version__}",
    }
    if deepinv is not None:
        double = {name: run(y.double()) for name, run in runs(compared).items()}
        mine, *others = double.values()
        report[f"difference after {compared} iterations"] = max(difference(mine, each) for each in others)
    took = medians(runs(steps), y, steps, repeats)
    report["milliseconds an iteration"] = took
    others_took = [value for name, value in took.items() if name.startswith("deepinv")]
    if others_took:
        report["best of deepinv's / ours"] = min(others_took) / next(iter(took.values()))
    return report


@click.command()
@click.option("--steps", default=100, show_default=True, help="Iterations of a timed run.")
@click.option("--compared", default=30, show_default=True, help="Iterations whose results are compared.")
@click.option("--repeats", default=3, show_default=True, help="Timed turns; the median counts.")
@click.option("--size", "only", type=int, help="Only images of this side: 64 or 255.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(steps: int, compared: int, repeats: int, only: int | None, as_json: bool) -> None:
    """Compare blind Richardson–Lucy with deepinv's: iterates and time."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if peer() is None:
        click.echo('deepinv is not installed: pip install --no-deps "deepinv==0.5.*"', err=True)
    if not as_json:
        click.echo(f"{torch.get_num_threads()} thread(s); medians of CPU time")
    reports = []
    for size in SIZES:
        if only in (None, size[2]):
            reports.append(measure(*size, steps, compared, repeats))
            if not as_json:
                _print(reports[-1])
    if as_json:
        json.dump(reports, sys.stdout, indent=2)


def _print(report: dict[str, object]) -> None:
    click.echo(f"\n{report['size']}; peer: {report['peer']}")
    for label, value in report.items():
        if isinstance(value, dict):
            for way, took in value.items():
                click.echo(f"  {way:<40}{took:9.2f} ms an iteration")
        elif isinstance(value, float):
            click.echo(f"  {label:<40}{value:9.2g}")


if __name__ == "__main__":
    main()
