"""CPU time of starting invkit, as a multiple of that of an interpreter that does nothing.

    python -m benchmarks.startup            # medians of 15 runs each, taken in turns

CPU time is of user and system together. ``over_bare`` has the milliseconds beyond the bare interpreter's,
``times_bare`` the ratio to it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import click

from benchmarks._measuring import Report, reported

COMMANDS = {
    "bare": ["-c", "pass"],
    "import invkit": ["-c", "import invkit"],
    "invkit --help": ["-m", "invkit", "--help"],
    "invkit list-plugins": ["-m", "invkit", "list-plugins"],
    "invkit list operators": ["-m", "invkit", "list", "operators"],
}


def cpu_time(arguments: list[str]) -> float:
    """Milliseconds of CPU time of Python with these arguments."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"python {' '.join(arguments)} ended with code {process.returncode}")
    return 1e3 * (usage.ru_utime + usage.ru_stime)


@reported
@click.option("--repeats", type=click.IntRange(1), default=15, show_default=True)
def main(repeats: int) -> Report:
    """Start each command so many times, in turns."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):
        for name, arguments in COMMANDS.items():
            times[name].append(cpu_time(arguments))
    took = {name: statistics.median(values) for name, values in times.items()}
    others = [name for name in COMMANDS if name != "bare"]
    return {
        "milliseconds": took,
        "over_bare": {name: took[name] - took["bare"] for name in others},
        "times_bare": {name: took[name] / took["bare"] for name in others},
    }


if __name__ == "__main__":
    main()
