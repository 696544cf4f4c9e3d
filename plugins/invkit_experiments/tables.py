"""Rows as Markdown and as CSV.

markdown(columns, rows)      # | method | PSNR | …
as_csv(columns, rows)        # method,psnr,…  with all digits
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from invkit_experiments.experiment import Column, Row

__all__ = ["as_csv", "cells", "markdown", "titles"]


def titles(columns: Sequence[Column]) -> list[str]:
    """The headings, the method's first."""
    return ["method", *(column.title for column in columns)]


def cells(columns: Sequence[Column], row: Row) -> list[str]:
    """A row as text, the method first."""
    return [str(row["method"]), *(column.text(row) for column in columns)]


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table, figures aligned to the right."""
    lines = [titles(columns), ["---", *("---:" for _ in columns)], *(cells(columns, row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """CSV with the columns' keys as its head and unrounded figures; empty where there is none."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["method", *(column.key for column in columns)])
    for row in rows:
        writer.writerow([row["method"], *(row.get(column.key) for column in columns)])
    return stream.getvalue()
