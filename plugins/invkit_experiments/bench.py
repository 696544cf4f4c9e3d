"""``invkit bench``: run an experiment, method by method, and write its table.

    invkit bench --list
    invkit bench digits --images 20 --methods blurry,default,floor-same --out invkit-bench

Each finished method is kept in ``OUT/NAME/``; run again after Ctrl-C, only what is missing is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import json_option, print_json, print_table, to_stderr
from invkit_experiments.experiment import EXPERIMENTS, experiment_entry

if TYPE_CHECKING:
    from invkit_experiments.experiment import Experiment, Row

__all__ = ["bench"]


@click.command("bench")
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List the experiments, or the methods of NAME.")
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="How many signals; else NAME's own.")
@click.option("--methods", metavar="A,B,…", default="", help="Only these methods; by default all.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, metavar="S", help="Of noise and solvers; 0."
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
    help="Folder for finished methods and tables.",
)
@json_option
def bench(
    name: str | None,
    listing: bool,
    images: int | None,
    methods: str,
    seed: int,
    steps: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Measure the methods of experiment NAME side by side, on the same inputs.

    Real data is looked for in the folder INVKIT_DATA. The table is printed, and written to the folder --out
    as Markdown, CSV and JSON.

    \b
    invkit bench digits --images 20
    """
    if name is None or listing:
        _list(name, as_json)
        return
    experiment = _build(name, images, seed, steps)
    rows, files = _run(experiment, [m.strip() for m in methods.split(",") if m.strip()], out)
    if as_json:
        print_json({**_described(experiment), "rows": rows, "files": files})
        return
    from invkit_experiments.tables import cells, titles

    print_table(titles(experiment.columns), [cells(experiment.columns, row) for row in rows])
    click.echo(f"written to {files['markdown']} (and .csv, .json)")


def _build(name: str, images: int | None, seed: int, steps: int | None) -> Experiment:
    import importlib

    module, _, attribute = experiment_entry(name).target.partition(":")
    described = getattr(importlib.import_module(module), attribute)
    made: Experiment = described(count=images, seed=seed, steps=steps)
    return made


def _run(experiment: Experiment, methods: Sequence[str], out: Path) -> tuple[list[Row], dict[str, str]]:
    """Measure, keep, write the tables; what is wrong with the folder shows before any work."""
    from invkit.files.solutions import writable_folder
    from invkit_experiments.kept import Kept

    chosen = experiment.choose(methods)
    for method in chosen:
        experiment.identity(method)  # data or weights that are missing show now, not after hours
    writable_folder(out)
    numbers = {method: number for number, method in enumerate(chosen, 1)}

    def told(method: str, there: bool) -> None:
        note = " (kept from an earlier run)" if there else ""
        to_stderr(f"[{numbers[method]}/{len(chosen)}] {method}: {experiment.methods[method]}{note}")

    rows = list(experiment.rows(Kept(out), chosen, told))
    return rows, _write(experiment, rows, out)


def _write(experiment: Experiment, rows: Sequence[Row], out: Path) -> dict[str, str]:
    from invkit.files.atomic import atomic_write
    from invkit.files.solutions import write_record
    from invkit_experiments.tables import as_csv, markdown

    texts = {"markdown": (".md", markdown), "csv": (".csv", as_csv)}
    files = {}
    for kind, (suffix, written) in texts.items():
        files[kind] = str(out / f"{experiment.name}{suffix}")
        with atomic_write(files[kind], text=True) as stream:
            stream.write(written(experiment.columns, rows))
    files["json"] = str(out / f"{experiment.name}.json")
    write_record(files["json"], {**_described(experiment), "rows": list(rows)})
    return files


def _described(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "images": experiment.signals,
        "seed": experiment.seed,
        "steps": experiment.steps,
        "methods": dict(experiment.methods),
    }


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
