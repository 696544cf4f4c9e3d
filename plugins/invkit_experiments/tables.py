"""Rows as Markdown and as CSV.

markdown(heads, columns, rows)      # | method | PSNR | …
as_csv(heads, columns, rows)        # method,psnr,…  with all digits
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from invkit_experiments.experiment import Column, Row

__all__ = ["as_csv", "cells", "markdown", "titles"]


def titles(columns: Sequence[Column]) -> list[str]:
    """The headings."""
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
