"""What the benchmarks share: times of ways that take turns, and commands that print figures.

Times are medians of CPU time. Each way is called in turn, so that a busy machine slows all of them alike.

    took = medians({"ours": ours, "plain": plain}, repeats=7)        # milliseconds of CPU time

    @reported
    @click.option("--repeats", default=7)
    def main(repeats: int) -> Report: ...                            # prints a table, or JSON with --json
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
import torch
from torch import Tensor

Report = Mapping[str, Any]
"""Figures by name, JSON-ready, in groups or not."""


def medians(ways: Mapping[str, Callable[[], object]], repeats: int, steps: int = 1) -> dict[str, float]:
    """Milliseconds of CPU time a step of each way, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:  # the first turn warms caches and plans up
                times[name].append(1e3 * (time.process_time() - start) / steps)
    return {name: statistics.median(values) for name, values in times.items()}


def agreeing(differences: dict[str, float], most: float) -> dict[str, float]:
    """Relative differences between ways; raises ClickException if one is too large for times to compare."""
    if max(differences.values()) > most:
        raise click.ClickException(f"the ways disagree, so their times say nothing: {differences}")
    return differences


def convolved(w: Tensor, x: Tensor) -> Tensor:
    """Circular convolution the textbook way: complex FFTs of zero-padded, rolled kernels."""
    height, width = w.shape[-2:]
    padded = torch.nn.functional.pad(w, (0, x.shape[-1] - width, 0, x.shape[-2] - height))
    centred = torch.roll(padded, (-(height // 2), -(width // 2)), (-2, -1))
    return torch.fft.ifft2(torch.fft.fft2(centred) * torch.fft.fft2(x)).real


def one_thread() -> None:
    """Let torch have as many threads as ``OMP_NUM_THREADS`` says: one by default."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def reported(measure: Callable[..., Report | Iterator[Report]]) -> click.Command:
    """A command that prints the report, or each of the reports, of a function with options."""

    @click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
    @functools.wraps(measure)
    def main(as_json: bool, **options: Any) -> None:
        one_thread()
        threads = {"threads": torch.get_num_threads()}
        made = measure(**options)
        single = isinstance(made, Mapping)
        reports = []
        for report in [made] if isinstance(made, Mapping) else made:
            reports.append({**report, **threads})
            if not as_json:
                _show(reports[-1])
        if as_json:
            click.echo(json.dumps(reports[0] if single else reports, indent=2))

    return click.command()(main)


def _show(report: Report) -> None:
    for name, value in sorted(report.items(), key=lambda entry: isinstance(entry[1], Mapping)):
        if isinstance(value, Mapping):
            click.echo(f"\n{name}")
            _show(value)
        else:
            small = isinstance(value, float) and 0 < abs(value) < 0.01
            shown = f"{value:10.1e}" if small else f"{value:10.2f}" if isinstance(value, float) else value
            click.echo(f"  {name:<42}{shown!s:>10}")
