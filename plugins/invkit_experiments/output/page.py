"""One page for a study that needs nothing else: table, pictures, settings; opened from a disk or an e-mail.

    Path("table1.html").write_text(page(report, report.gallery))

A click on a heading sorts by it. On each picture a slider uncovers the recovered image over the blurry
one, and a choice says whose: at first that of the best method that finds a kernel. Below are the truth and
both kernels. Everything is in the file: pictures as data URIs, script and style inline;
nothing is fetched. Every text is escaped, so a name or a reason with ``<`` in it is shown and not run.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import torch

import invkit
from invkit_experiments.output.report import Gallery, Report
from invkit_experiments.output.tables import Column, Row

__all__ = ["page"]


def page(report: Report, gallery: Gallery) -> str:
    """The page as HTML text."""
    template = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    parts = {
        "name": _text(report.name),
        "title": _text(gallery.title),
        "summary": _summary(report, gallery),
        "table": _table(_beside(report.columns), report.rows),
        "left_out": _left_out(report.left_out),
        "cases": _cases(gallery),
        "settings": _settings(report.rows),
        "data": _script(_pictures(gallery)),
    }
    for name, text in parts.items():
        template = template.replace(f"<!-- {name} -->", text)  # the texts are escaped: none has a mark
    return template


def _summary(report: Report, gallery: Gallery) -> str:
    steps = "the solvers' own numbers of steps" if report.steps is None else f"only {report.steps} steps"
    others = "All figures"
    if gallery.printed_in:
        others = f"Columns named “printed” are from {gallery.printed_in}, on its own inputs; all others"
    return _text(
        f"Up to {report.images} images a case, seed {report.seed}, {steps}. "
        f"{others} were measured by invkit bench {report.name}. "
        f"Made with invkit {invkit.__version__} and torch {torch.__version__}."
    )


def _beside(columns: Sequence[Column]) -> list[Column]:
    """The columns, each printed figure beside the measured one: both are then seen on a narrow screen."""
    keys = [column.key for column in columns]

    def place(column: Column) -> tuple[int, int]:
        own = keys.index(column.key)
        measured = column.key.removeprefix("printed_")
        return (keys.index(measured) if measured in keys else own, own)

    return sorted(columns, key=place)


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Cells carry their unrounded value, by which the script sorts."""
    head = "".join(f'<th scope="col"><button>{_text(column.title)}</button></th>' for column in columns)
    body = "".join(f"<tr>{''.join(_cell(column, row) for column in columns)}</tr>\n" for row in rows)
    return f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"


def _cell(column: Column, row: Row) -> str:
    value = row.get(column.key)
    title = f' title="{_text(row["what"])}"' if column.key == "method" else ""
    shown = _text("" if value is None else str(value))
    return f'<td data-value="{shown}"{title}>{_text(column.text(row))}</td>'


def _left_out(reasons: Mapping[str, str]) -> str:
    """Rows of one reason stand together."""
    if not reasons:
        return ""
    rows: dict[str, list[str]] = {}
    for row, reason in reasons.items():
        rows.setdefault(reason, []).append(row)
    items = "".join(
        f"<li><b>{_text(', '.join(names))}</b>: {_text(reason)}</li>\n" for reason, names in rows.items()
    )
    return f"<h2>Left out</h2>\n<ul>\n{items}</ul>"


def _cases(gallery: Gallery) -> str:
    """A section for every case with a place for each picture, which the script fills."""
    parts = []
    for case, images in gallery.images().items():
        figures = "".join(f'<figure data-picture="{_text(case)}/{i}"></figure>\n' for i in images)
        parts.append(f'<h3>{_text(gallery.cases[case])}</h3>\n<div class="pictures">\n{figures}</div>')
    return "\n".join(parts)


def _pictures(gallery: Gallery) -> dict[str, Any]:
    """case/number → blurry, original, its kernel, and each method's picture with its PSNR and kernel."""
    return {
        f"{case}/{index}": {
            "blurry": cells[0].pictures["y"],
            "methods": [
                [cell.method, cell.pictures["found"], cell.figures.get("psnr"), cell.pictures.get("kernel")]
                for cell in cells
                if cell.method != "blurry"
            ],
            "original": cells[0].pictures["x"],
            "kernel": cells[0].pictures["w"],
        }
        for case, images in gallery.images().items()
        for index, cells in images.items()
    }


def _settings(rows: Sequence[Row]) -> str:
    """What every row was made with, versions and sha256 of weights included, folded away."""
    return "".join(
        f"<details><summary>{_text(row['case'])}/{_text(row['method'])}: {_text(row['what'])}</summary>"
        f"<pre>{_text(json.dumps(row['settings'], indent=2))}</pre></details>\n"
        for row in rows
    )


def _text(text: Any) -> str:
    return html.escape(str(text), quote=True)


def _script(value: Any) -> str:
    """JSON that may stand in a script: no text in it can end the script or begin a comment."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
