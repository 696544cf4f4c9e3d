"""One page for a study that needs nothing else: table, pictures, settings; opened from a disk or an e-mail.

    Path("table1.html").write_text(page(study, outcome))

A click on a heading sorts by it. On each picture a slider uncovers the recovered image over the blurry
one, and a choice says whose. Everything is in the file: pictures as data URIs, script and style inline;
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
from invkit_experiments.cases import Cell
from invkit_experiments.experiment import Column, Outcome, Row
from invkit_experiments.study import Study

__all__ = ["page"]


def page(study: Study, outcome: Outcome) -> str:
    """The page as HTML text."""
    template = resources.files("invkit_experiments").joinpath("page.html").read_text("utf-8")
    parts = {
        "name": _text(study.name),
        "title": _text(study.title),
        "summary": _summary(study),
        "table": _table((*study.heads, *study.columns), outcome.rows),
        "left_out": _left_out(outcome.left_out),
        "cases": _cases(study, outcome.cells),
        "settings": _settings(outcome.rows),
        "data": _script(_pictures(study, outcome.cells)),
    }
    for name, text in parts.items():
        template = template.replace(f"<!-- {name} -->", text)  # the texts are escaped: none has a mark
    return template


def _summary(study: Study) -> str:
    steps = "the solvers' own numbers of steps" if study.steps is None else f"only {study.steps} steps"
    return _text(
        f"Up to {study.signals} images a case, seed {study.seed}, {steps}. Columns named “printed” are from "
        f"{study.printed_in}, on its own inputs; all others were measured by invkit bench {study.name}. "
        f"Made with invkit {invkit.__version__} and torch {torch.__version__}."
    )


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


def _cases(study: Study, cells: Sequence[Cell]) -> str:
    """A section for every case with a place for each picture, which the script fills."""
    parts = []
    for case in study.cases:
        numbers = sorted(
            {cell.index for cell in cells if cell.case.name == case.name and cell.index < study.shown}
        )
        if numbers:
            figures = "".join(f'<figure data-picture="{_text(case.name)}/{i}"></figure>\n' for i in numbers)
            parts.append(f'<h3>{_text(case.title)}</h3>\n<div class="pictures">\n{figures}</div>')
    return "\n".join(parts)


def _pictures(study: Study, cells: Sequence[Cell]) -> dict[str, Any]:
    """case/number → blurry, original, and each method's picture with its PSNR."""
    found: dict[str, Any] = {}
    for cell in cells:
        if cell.index >= study.shown:
            continue
        entry = found.setdefault(
            f"{cell.case.name}/{cell.index}", {"blurry": cell.pictures["y"], "methods": []}
        )
        if cell.method.name != "blurry":
            entry["methods"].append([cell.method.name, cell.pictures["found"], cell.figures.get("psnr")])
        entry["original"] = cell.pictures["x"]
    return found


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
