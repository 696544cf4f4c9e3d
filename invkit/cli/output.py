"""What a command prints: results on stdout, as a table or as JSON; everything else on stderr.

    @click.command("list-plugins")
    @json_option
    def list_plugins(as_json: bool) -> None:
        report(as_json, {"plugins": [...]}, ("plugin", "state"), [("convolution", "ok")])

rich is imported only where stdout is a terminal; piped output is plain aligned text without colours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

#: how many files that are no images are named
_NAMED = 8

PATH: Final[Any] = click.Path(path_type=Path)
"""The type of a parameter that is a file or a folder."""

images_argument = click.argument("images", nargs=-1, required=True, type=PATH, metavar="IMAGE_OR_FOLDER...")
grey_option = click.option("--grey", is_flag=True, help="Reduce colour images to grey.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Random seed; 0 by default."
)
"""The ``--seed`` of a command; gives ``None`` where it is left out."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
"""The ``--json`` flag that every listing and result has; gives the parameter ``as_json``."""


def report(as_json: bool, value: Any, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a result: ``value`` as JSON, or ``rows`` as a table."""
    if as_json:
        print_json(value)
    else:
        print_table(columns, list(rows))


def print_json(value: Any) -> None:
    """Print a JSON-ready value on stdout.

    Args:
        value: dicts, lists, text, finite numbers, booleans and ``None``; long lists may give their items one
            by one.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold.
    """
    sys.stdout.writelines(json.JSONEncoder(indent=2, allow_nan=False).iterencode(value))
    click.echo()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout: drawn by rich on a terminal, aligned columns elsewhere.

    Args:
        columns: the headings.
        rows: one text per column each.
    """
    if sys.stdout.isatty():
        _print_rich(columns, rows)
        return
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def to_stderr(message: str) -> None:
    """Print a remark on stderr."""
    click.echo(message, err=True)


def say_skipped(passed_over: Mapping[Path, str]) -> None:
    """Name on stderr what is no image in the folders, a line for each folder; of many files the first."""
    for folder in dict.fromkeys(path.parent for path in passed_over):
        named = [f"{path.name}: {why}" for path, why in passed_over.items() if path.parent == folder]
        more = f", and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        to_stderr(f"invkit: {folder}: passed over {len(named)}: {', '.join(named[:_NAMED])}{more}")


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in a message are no markup
    Console().print(table)
