"""The files of a finished experiment: Markdown, CSV and JSON, and for a study its panels and its page.

write(experiment, outcome, Path("invkit-bench"))     # {"markdown": "invkit-bench/table1.md", …}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from invkit.files.atomic import atomic_write
from invkit.files.panels import write_panel
from invkit.files.solutions import write_record
from invkit_experiments.experiment import Experiment, Outcome
from invkit_experiments.page import page
from invkit_experiments.panels import panels
from invkit_experiments.study import Study
from invkit_experiments.tables import as_csv, markdown

__all__ = ["described", "write"]


def write(experiment: Experiment, outcome: Outcome, out: Path) -> dict[str, Any]:
    """Write everything, each file atomically.

    Returns:
        What each file is → its path; under ``panels`` a list.
    """
    stem, table = experiment.name, (experiment.heads, experiment.columns, outcome.rows)
    texts = {"markdown": (".md", markdown(*table)), "csv": (".csv", as_csv(*table))}
    if isinstance(experiment, Study):
        texts["page"] = (".html", page(experiment, outcome))
    files: dict[str, Any] = {}
    for kind, (suffix, text) in texts.items():
        files[kind] = str(out / f"{stem}{suffix}")
        with atomic_write(files[kind], text=True) as stream:
            stream.write(text)
    files["json"] = str(out / f"{stem}.json")
    write_record(files["json"], {**described(experiment, outcome), "rows": [dict(r) for r in outcome.rows]})
    if isinstance(experiment, Study):
        files["panels"] = []
        for case, rows in panels(experiment, outcome).items():
            files["panels"].append(str(out / f"{stem}-{case}.png"))
            write_panel(files["panels"][-1], rows)
    return files


def described(experiment: Experiment, outcome: Outcome) -> dict[str, Any]:
    """What was run, JSON-ready; for a study its cases, and where its printed figures are from."""
    common = {
        "experiment": experiment.name,
        "images": experiment.signals,
        "seed": experiment.seed,
        "steps": experiment.steps,
        "methods": dict(experiment.methods),
        "left_out": dict(outcome.left_out),
    }
    if not isinstance(experiment, Study):
        return common
    return {
        **common,
        "title": experiment.title,
        "printed_in": experiment.printed_in,
        "cases": {case.name: case.title for case in experiment.cases},
    }
