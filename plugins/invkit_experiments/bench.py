"""``invkit bench``: run an experiment, method by method, and write its table.

    invkit bench --list
    invkit bench digits --images 20 --methods blurry,default,floor-same --out invkit-bench
    invkit bench table1 --quick

Each finished method is kept in ``OUT/NAME/``, of the paper's tables and figures each finished image of each
method; run again after Ctrl-C, only what is missing is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from invkit.cli.output import json_option, print_json, print_table
from invkit_experiments.catalogue import EXPERIMENTS, experiment_entry

if TYPE_CHECKING:
    from invkit_experiments.experiment import Experiment, Outcome

__all__ = ["bench"]


@click.command("bench")
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List the experiments, or the methods of NAME.")
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="How many signals; else NAME's own.")
@click.option(
    "--methods", metavar="A,B,…", default="", help="Only these methods, or inputs, or inputs/method."
)
@click.option("--quick", is_flag=True, help="A few signals and a few steps, to see it work in seconds.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, metavar="S", help="Of inputs and solvers; 0."
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="In place of every solver's own, for a quick look.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("invkit-bench"),
    metavar="DIR",
    show_default=True,
    help="Folder for what is finished, tables, pictures and pages.",
)
@json_option
def bench(
    name: str | None,
    listing: bool,
    images: int | None,
    methods: str,
    quick: bool,
    seed: int,
    steps: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Measure the methods of experiment NAME side by side, on the same inputs.

    Real data is looked for in the folder INVKIT_DATA. The table is printed, and written to the folder --out
    as Markdown, CSV and JSON; the paper's tables and figures also as pictures and as a page, NAME.html.

    \b
    invkit bench table1 --quick
    """
    if name is None or listing:
        _list(name, as_json)
        return
    experiment = _build(name, images, seed, steps, quick)
    outcome = _run(experiment, [m.strip() for m in methods.split(",") if m.strip()], out)
    from invkit_experiments.writing import described, write

    files = write(experiment, outcome, out)
    if as_json:
        rows = [dict(row) for row in outcome.rows]
        print_json({**described(experiment, outcome), "rows": rows, "files": files})
        return
    from invkit_experiments.tables import cells, titles

    columns = (*experiment.heads, *experiment.columns)
    print_table(titles(columns), [cells(columns, row) for row in outcome.rows])
    page = f"; page: {files['page']}" if "page" in files else ""
    click.echo(f"written to {files['markdown']} (and .csv, .json){page}")


def _build(name: str, images: int | None, seed: int, steps: int | None, quick: bool = False) -> Experiment:
    import importlib

    module, _, attribute = experiment_entry(name).target.partition(":")
    described = getattr(importlib.import_module(module), attribute)
    if quick:
        images, steps = images or described.quick[0], steps or described.quick[1]
    made: Experiment = described(count=images, seed=seed, steps=steps)
    return made


def _run(experiment: Experiment, methods: list[str], out: Path) -> Outcome:
    """Measure; what is wrong with data, weights or the folder shows before any work."""
    from invkit.files.solutions import writable_folder
    from invkit_experiments.kept import Kept
    from invkit_experiments.watching import watcher_for

    experiment.check(methods)
    writable_folder(out)
    watcher = watcher_for(bars=not experiment.draws_bars)
    return experiment.run(Kept(out), methods, watcher)


def _list(name: str | None, as_json: bool) -> None:
    if name is None:
        items = {key: entry.summary for key, entry in EXPERIMENTS.items()}
    else:
        items = dict(_build(name, None, 0, None).methods)
    what = "experiments" if name is None else "methods"
    if as_json:
        print_json({what: [{"name": key, "summary": text} for key, text in items.items()]})
    else:
        print_table((what[:-1], "summary"), list(items.items()))
