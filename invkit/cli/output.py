"""What a command prints: results on stdout, as a table or as JSON; everything else on stderr.

    @click.command("list-plugins")
    @json_option
    def list_plugins(as_json: bool) -> None:
        report(as_json, {"plugins": [...]}, ("plugin", "state"), [("convolution", "ok")])

rich is imported only where stdout is a terminal; piped output is plain aligned text without colours.

All text goes out by :func:`say`, which shows control characters as ``\\x1b``: names of files, specs and cards
may hold any, and a terminal would obey them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeVar

import click

from invkit.errors import OutputError

Command = TypeVar("Command", bound=Callable[..., Any])

#: how many files that are no images are named
_NAMED = 8


class _Path(click.Path):
    """A path; an empty one, as an unset variable gives it, does not stand for the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("the path is empty; write . for the current folder", param, ctx)
        return super().convert(value, param, ctx)


PATH: Final[Any] = _Path(path_type=Path)
"""The type of a parameter that is a file or a folder."""

quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Random seed; 0 by default."
)
"""The ``--seed`` of a command; gives ``None`` where it is left out."""

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_results: IO[str] | None = None  # where results go; None: to sys.stdout


class Listing(NamedTuple):  # made in a third of the time of an attrs class, while every command waits
    """What a command lists.

    Args:
        value: all of it, for ``--json``.
        columns: the headings of its table.
        rows: the lines of its table, one text per column each.
        code: the command's exit code.
    """

    value: Any
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    code: int = 0

    def report(self, as_json: bool) -> int:
        """Print it, as JSON or as a table; return the exit code."""
        report(as_json, self.value, self.columns, self.rows)
        return self.code



def completing(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Let a shell complete an argument by the names that are registered under some kinds.

    Behind a colon those of trained priors follow: ``gaussian:ce`` gives ``gaussian:celeba``.
    """

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        from invkit.files.store import names
        from invkit.plugin.loading import default_manager

        registry = default_manager().registry
        before, colon, _ = begun.rpartition(":")
        if colon:
            trained = names(registry, before.rpartition(":")[2])
            found = {f"{before}:{name}" for name in trained if "prior" in kinds}
        else:
            found = {entry.name for kind in kinds for entry in registry.entries(kind)}
        return sorted(name for name in found if name.startswith(begun))

    return complete


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
"""The ``--json`` flag that every listing and result has; gives the parameter ``as_json``."""


def reads_images(command: Command) -> Command:
    """Give a command the argument ``images`` and the options ``--seed``, ``--grey`` and ``--json``, as every
    command that reads pictures has them.
    """
    grey = click.option("--grey", is_flag=True, help="Reduce colour images to grey.")
    images = click.argument("images", nargs=-1, required=True, type=PATH, metavar="IMAGE_OR_FOLDER...")
    return images(seed_option(grey(json_option(command))))


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
    out = _results or sys.stdout
    with _refusal_explained():
        out.writelines(json.JSONEncoder(indent=2, allow_nan=False).iterencode(value))
        out.write("\n")
        out.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout: drawn by rich on a terminal, aligned columns elsewhere.

    Args:
        columns: the headings.
        rows: one text per column each.
    """
    rows = [[_in_one_line(cell) for cell in row] for row in rows]
    out = _results or sys.stdout
    if out.isatty():
        _print_rich(columns, rows)
        return
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line of results on stdout, or a remark on stderr; control characters are shown, not sent."""
    if not err:
        _write(printable(text))
        return
    with contextlib.suppress(OSError):  # where stderr is full or gone there is no one to tell
        click.echo(printable(text), err=True)


def _write(text: str) -> None:
    """A line on stdout."""
    with _refusal_explained():
        click.echo(text, file=_results)


@contextlib.contextmanager
def _refusal_explained() -> Iterator[None]:
    """Turn what stdout says to a write into an OutputError, but for a reader that has left."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write results to stdout: {error.strerror}", hint="files that were named are complete"
        ) from error


def to_stderr(message: str) -> None:
    """Print a remark on stderr, in one line: a name with an end of line in it could look like two remarks."""
    say(_in_one_line(message), err=True)


def _in_one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def printable(text: str) -> str:
    """The same text with control characters and marks of writing direction as escapes, but for ends of lines
    and tabulators. Bytes of a file's name that are no UTF-8 are escapes, too.
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


@contextlib.contextmanager
def results_alone(*, for_good: bool) -> Iterator[None]:
    """Keep stdout for what this module prints: whatever else is printed inside the block goes to stderr.

    Plugins print what they like, where they like.

    Args:
        for_good: what is written to the file descriptor of stdout goes to stderr, too, and does so until the
            process ends: code of others may run at its exit.
    """
    global _results
    before: IO[str] | None = _results
    own: IO[str] = sys.stdout
    copy: IO[str] | None = None
    if for_good and own is sys.__stdout__:
        with contextlib.suppress(OSError, ValueError):
            own.flush()
            copy = os.fdopen(os.dup(own.fileno()), "w", encoding=own.encoding, errors="replace")
            os.dup2(sys.stderr.fileno(), own.fileno())
    _results = copy or own
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _results = before
        if copy is not None:
            with contextlib.suppress(OSError):
                copy.close()


def say_skipped(passed_over: Mapping[Path, str]) -> None:
    """Name on stderr what is no image in the folders, a line for each folder; of many files the first."""
    for folder in dict.fromkeys(path.parent for path in passed_over):
        named = [f"{path.name}: {why}" for path, why in passed_over.items() if path.parent == folder]
        more = f", and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        to_stderr(f"invkit: {folder}: passed over {len(named)}: {', '.join(named[:_NAMED])}{more}")


def skipped_records(passed_over: Mapping[Path, str]) -> list[dict[str, str]]:
    """The files in the folders that are no images, and why, for the output of ``--json``."""
    return [{"file": str(path), "reason": why} for path, why in passed_over.items()]


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, header_style="bold")
    for row in rows:
        # Text: brackets in a message are no markup.
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(file=_results).print(table)
