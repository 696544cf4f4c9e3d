"""``invkit bench``: run a benchmark, method by method, and write its table.

    invkit bench digits --images 20 --methods blurry,default,floor-same --out invkit-bench
    invkit bench table1 --quick

Each finished method is kept in ``OUT/NAME/``, of the paper's tables and figures each finished image of each
method; run again after Ctrl-C, only what is missing is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from invkit.cli.output import completing, json_option, print_json, print_table, say
from invkit.errors import PluginError, UsageError

if TYPE_CHECKING:
    from invkit_experiments.engine.benchmark import Benchmark, Settings
    from invkit_experiments.output.report import Report

__all__ = ["bench", "benchmark"]


@click.command("bench")
@click.argument("name", shell_complete=completing("experiment"))
@click.option(
    "--images",
    type=click.IntRange(min=1),
    metavar="N",
    help="Images of a case; each experiment has a default.",
)
@click.option(
    "--methods", metavar="A,B,…", help="Only these methods, inputs, or inputs/method."
)
@click.option("--quick", is_flag=True, help="One image, few steps and restarts: a look in a minute.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="S",
    help="Random seed of inputs and solvers; 0 by default.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Steps of every solver, for a quick look.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("invkit-bench"),
    metavar="DIR",
    show_default=True,
    help="Folder for finished images, tables, pictures and pages.",
)
@json_option
def bench(
    name: str,
    images: int | None,
    methods: str | None,
    quick: bool,
    seed: int,
    steps: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Measure the methods of the experiment NAME side by side, on the same inputs.

    `invkit list experiments` names the experiments, `invkit describe NAME` the methods of one. Real data is
    read from the folder INVKIT_DATA. The table is printed, and written to the folder --out as Markdown, CSV
    and JSON. Experiments with pictures also write a page, NAME.html. Every finished image is kept in --out,
    and the same command goes on from there.

    \b
    invkit bench table1 --quick
    """
    described = benchmark(name)
    chosen = [] if methods is None else [method.strip() for method in methods.split(",")]
    if "" in chosen:
        raise UsageError(
            f"--methods {methods!r} has an empty name", hint="write --methods A,B, or leave it out"
        )
    report = _run(described, _settings(described, images, seed, steps, quick), chosen, out)
    from invkit_experiments.output.writing import described as record
    from invkit_experiments.output.writing import write

    files = write(report, out)
    if as_json:
        print_json({**record(report), "files": files})
        return
    titles = [column.title for column in report.columns]
    print_table(titles, [[column.text(row) for column in report.columns] for row in report.rows])
    page = f"; page: {files['page']}" if "page" in files else ""
    say(f"written to {files['markdown']} (and .csv, .json){page}")


def _settings(
    described: Benchmark, images: int | None, seed: int, steps: int | None, quick: bool
) -> Settings:
    from invkit_experiments.engine.benchmark import Settings

    count, most = described.quick if quick else (described.count, None)
    return Settings(images or count, seed, steps or most, few=quick)


def _run(described: Benchmark, settings: Settings, methods: list[str], out: Path) -> Report:
    """Measure; an error of data, weights or the folder shows before any work."""
    from invkit.files.solutions import writable_folder
    from invkit_experiments.engine.kept import Kept
    from invkit_experiments.output.watching import watcher_for

    described.check(settings, methods)
    writable_folder(out)
    return described.run(settings, Kept(out), methods, watcher_for(bars=not described.draws_bars))


def benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        SpecError: no such name; the message gives the nearest and the list.
        PluginError: it is no Benchmark.
    """
    from invkit.parts import experiment
    from invkit_experiments.engine.benchmark import Benchmark

    found = experiment(name)
    if not isinstance(found, Benchmark):
        raise PluginError(f"the experiment {name!r} is no Benchmark of invkit_experiments")
    return found
