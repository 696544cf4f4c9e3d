"""What a command prints: results on stdout, as a table or as JSON; everything else on stderr.

    @click.command("list-plugins")
    @json_option
    def list_plugins(as_json: bool) -> int:
        if as_json:
            print_json({"plugins": [...]})
        else:
            print_table(("plugin", "state"), [("convolution", "ok")])

rich is imported only where stdout is a terminal; piped output is plain aligned text without colours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["json_option", "print_json", "print_table", "to_stderr"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
"""The ``--json`` flag that every listing and result has; gives the parameter ``as_json``."""


def print_json(value: Any) -> None:
    """Print a JSON-ready value on stdout.

    Args:
        value: dicts, lists, text, finite numbers, booleans and ``None``.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold.
    """
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table on stdout: drawn by rich on a terminal, aligned columns elsewhere.

    Args:
        columns: the headings.
        rows: one text per column each.
        title: a line above the table.
    """
    if sys.stdout.isatty():
        _print_rich(columns, rows, title)
        return
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    if title is not None:
        click.echo(title)
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def to_stderr(message: str) -> None:
    """Print a remark on stderr."""
    click.echo(message, err=True)


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in a message are no markup
    Console().print(table)
