"""Rows as Markdown, as CSV and as text.

markdown(heads, columns, rows)      # | method | PSNR | …
as_csv(heads, columns, rows)        # method,psnr,…  with all digits
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Column", "Row", "as_csv", "cells", "markdown", "titles"]

Row = Mapping[str, Any]
"""JSON-ready figures of one row, by column; None where a figure has no meaning."""


@attrs.frozen
class Column:
    """A figure in a table: its key in a row, its heading, and the format of its numbers."""

    key: str
    title: str
    form: str = ""

    def text(self, row: Row) -> str:
        """The row's figure as text; a dash where there is none."""
        value = row.get(self.key)
        return "–" if value is None else format(value, self.form)


def titles(columns: Sequence[Column]) -> list[str]:
    """Headings of the columns."""
    return [column.title for column in columns]


def cells(columns: Sequence[Column], row: Row) -> list[str]:
    """A row as text."""
    return [column.text(row) for column in columns]


def markdown(heads: Sequence[Column], columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table: names to the left, figures to the right."""
    everything = (*heads, *columns)
    lines = [titles(everything), ["---"] * len(heads) + ["---:"] * len(columns)]
    lines += [[text.replace("|", "\\|") for text in cells(everything, row)] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(heads: Sequence[Column], columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """CSV with the columns' keys as its head and unrounded figures; empty where there is none."""
    keys = [column.key for column in (*heads, *columns)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([row.get(key) for key in keys] for row in rows)
    return stream.getvalue()
