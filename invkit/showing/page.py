"""A solution as HTML, for notebooks: its lines as a table, and small pictures of what it found."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

from PIL import Image

from invkit.files.panels import Cell, kernel_cell, panel
from invkit.files.solutions import pictures
from invkit.showing.text import facts

if TYPE_CHECKING:
    from invkit.contracts.solution import Solution

__all__ = ["rows_of", "solution_html"]

_SHOWN = 8  # measurements that have pictures


def solution_html(solution: Solution) -> str:
    """A solution as HTML that stands alone: the pictures are part of it."""
    lines = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(said)}</td></tr>'
        for name, said in facts(solution)
    )
    rows = rows_of(solution)
    if not rows:
        return f"<table>{lines}</table>"
    stream = io.BytesIO()
    Image.fromarray(panel(rows[:_SHOWN])).save(stream, format="PNG")
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    more = f"<p>and {len(rows) - _SHOWN} more</p>" if len(rows) > _SHOWN else ""
    picture = f'<img src="data:image/png;base64,{data}" alt="recovered images and kernels">'
    return f"<table>{lines}</table>{picture}{more}"


def rows_of(solution: Solution) -> list[list[Cell]]:
    """Cells of a panel, a row a measurement: the recovered image and the kernel, where they are images."""
    recovered = dict(pictures(solution.x, solution.axes_added))
    kernels = {} if solution.w is None else dict(pictures(solution.w, solution.axes_added, kernels=True))
    names = [name for name in recovered if name in kernels] or list(recovered)
    return [
        [("recovered", recovered[name])] + ([kernel_cell(kernels[name])] if name in kernels else [])
        for name in names
    ]
