"""How fast is blind Richardson–Lucy, and is it the same? Iterates and times beside deepinv's, in one run.

    pip install --no-deps "deepinv==0.5.*"      # the peer; without it only ours is measured
    OMP_NUM_THREADS=1 python -m benchmarks.baselines

Both run as a user runs them: our solver `blindrl` on a problem of `circconv` and free pixels, deepinv's
`BlindRL`, with and without its option `use_fft`; the same options, flat kernels and the measurement to start
from. Results are compared before anything is timed. deepinv evaluates its cost at each iteration, ours at
every fourth of a hundred (the points of the history): both are part of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, medians, reported
from benchmarks._peers import deepinv_or_none, version
from benchmarks.operators import draw

Run = Callable[[Tensor], tuple[Tensor, Tensor]]

SIZES: tuple[tuple[int, int, int, int], ...] = ((8, 3, 64, 28), (1, 3, 64, 15), (1, 1, 255, 27))
"""(batch, channels, side of images, side of kernels): the paper's faces; one picture; one of Levin's size."""

EPS = 1e-8


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


@reported
@click.option("--steps", default=100, show_default=True, help="Iterations of a timed run.")
@click.option("--compared", default=30, show_default=True, help="Iterations whose results are compared.")
@click.option("--repeats", default=3, show_default=True, help="Timed turns; the median counts.")
@click.option("--size", "only", type=int, help="Only images of this side: 64 or 255.")
def main(steps: int, compared: int, repeats: int, only: int | None) -> Iterator[Report]:
    """Compare blind Richardson–Lucy with deepinv's: iterates and time."""
    deepinv = deepinv_or_none()

    def runs(kernel: int, steps: int) -> dict[str, Run]:
        found = {"invkit blindrl": ours(kernel, steps)}
        for use_fft in () if deepinv is None else (True, False):
            found[f"deepinv BlindRL(use_fft={use_fft})"] = theirs(deepinv, kernel, steps, use_fft)
        return found

    for batch, channels, size, kernel in SIZES:
        if only not in (None, size):
            continue
        w, x, _ = draw(batch, channels, size, kernel)
        y = invkit.operator("circconv")(w, x)
        report: dict[str, object] = {
            "size": f"batch {batch}, {channels}x{size}x{size}, kernels {kernel}x{kernel}",
            "peer": version(deepinv),
        }
        if deepinv is not None:
            mine, *others = (run(y.double()) for run in runs(kernel, compared).values())
            report[f"difference after {compared} iterations"] = max(difference(mine, each) for each in others)
        timed = {name: partial(run, y) for name, run in runs(kernel, steps).items()}
        took = report["milliseconds an iteration"] = medians(timed, repeats, steps)
        if deepinv is not None:
            ours_took, *others_took = took.values()
            report["best of deepinv's / ours"] = min(others_took) / ours_took
        yield report


if __name__ == "__main__":
    main()
