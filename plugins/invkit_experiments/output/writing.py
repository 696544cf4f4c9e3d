"""The files of a finished benchmark: Markdown, CSV and JSON, and for a study its panels and its page.

write(report, Path("invkit-bench"))      # {"markdown": "invkit-bench/table1.md", …}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from invkit.files.atomic import atomic_write
from invkit.files.panels import write_panel
from invkit.files.solutions import write_record
from invkit_experiments.output.curves import write_curves
from invkit_experiments.output.page import page
from invkit_experiments.output.panels import panels
from invkit_experiments.output.report import Report
from invkit_experiments.output.tables import as_csv, markdown

__all__ = ["described", "write"]


def write(report: Report, out: Path) -> dict[str, Any]:
    """Write everything, each file atomically.

    Returns:
        What each file is → its path; under ``panels`` and ``curves`` a list.
    """
    table, gallery = (report.columns, report.rows), report.gallery
    texts = {"markdown": (".md", markdown(*table)), "csv": (".csv", as_csv(*table))}
    if gallery is not None:
        texts["page"] = (".html", page(report, gallery))
    files: dict[str, Any] = {}
    for kind, (suffix, text) in texts.items():
        files[kind] = str(out / f"{report.name}{suffix}")
        with atomic_write(files[kind], text=True) as stream:
            stream.write(text)
    files["json"] = str(out / f"{report.name}.json")
    write_record(files["json"], described(report))
    if report.curves:
        files["curves"] = [str(out / f"{report.name}-{name}.png") for name in report.curves]
        for path, curves in zip(files["curves"], report.curves.values(), strict=True):
            write_curves(path, curves)
    if gallery is not None:
        files["panels"] = []
        for case, rows in panels(gallery).items():
            files["panels"].append(str(out / f"{report.name}-{case}.png"))
            write_panel(files["panels"][-1], rows)
    return files


def described(report: Report) -> dict[str, Any]:
    """What was run and its rows, JSON-ready; for a study its cases, and the source of its printed figures."""
    gallery, study = report.gallery, {}
    if gallery is not None:
        study = {"title": gallery.title, "printed_in": gallery.printed_in, "cases": dict(gallery.cases)}
    return {
        "experiment": report.name,
        "images": report.images,
        "seed": report.seed,
        "steps": report.steps,
        "methods": dict(report.methods),
        "left_out": dict(report.left_out),
        "rows": [dict(row) for row in report.rows],
        **study,
    }
