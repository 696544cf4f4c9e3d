"""Rows as Markdown, as CSV and as text.

markdown(columns, rows)      # | method | PSNR | …
as_csv(columns, rows)        # method,psnr,…  with all digits
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Column", "Row", "as_csv", "markdown"]

Row = Mapping[str, Any]
"""JSON-ready figures of one row, by column; None where a figure has no meaning."""


@attrs.frozen
class Column:
    """A column of a table: its key in a row, its heading, and the format of its numbers, empty for text."""

    key: str
    title: str
    form: str = ""

    def text(self, row: Row) -> str:
        """The row's figure as text; a dash where there is none."""
        value = row.get(self.key)
        return "–" if value is None else format(value, self.form)


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table; figures, which have a format, are aligned to the right."""
    lines = [[column.title for column in columns], ["---:" if column.form else "---" for column in columns]]
    lines += [[column.text(row).replace("|", "\\|") for column in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """CSV with the columns' keys as its head and unrounded figures; empty where there is none."""
    keys = [column.key for column in columns]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([row.get(key) for key in keys] for row in rows)
    return stream.getvalue()
