"""``invkit datasets``: list the data sets, whether their files are here, and their terms; download them.

invkit datasets                                # a table; --json for programs
invkit datasets fetch mnist                    # into $INVKIT_DATA/mnist
invkit datasets fetch svhn --out ~/data/svhn --file extra_32x32.mat
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import json_option, report
from invkit.errors import InvkitError, PluginError
from invkit.plugin.building import build
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import Entry, Registry
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.contracts.dataset import Dataset


@click.group("datasets", invoke_without_command=True)
@json_option
@click.pass_context
def datasets(ctx: click.Context, as_json: bool) -> None:
    """List the data sets: found here or not, signals in each split, and the terms.

    Each is looked for with its default options: those that read files are found in $INVKIT_DATA/NAME.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(
                "--json belongs behind the command: invkit datasets fetch NAME --json", ctx
            )
        return
    registry = default_manager().registry
    records = [_record(registry, entry) for entry in registry.entries("dataset")]
    columns = ("name", "summary", "train / validation / test", "terms")
    report(as_json, {"datasets": records}, columns, map(_row, records))


@datasets.command("fetch")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the files; $INVKIT_DATA/NAME by default.",
)
@click.option(
    "--from", "base_url", metavar="URL", help="The address above the files, for a mirror of your own."
)
@click.option("--file", "files", multiple=True, help="Fetch this file only; may be repeated.")
@json_option
def fetch(name: str, out: Path | None, base_url: str | None, files: tuple[str, ...], as_json: bool) -> None:
    """Download a data set, if its terms allow that; run again, it goes on where it stopped.

    Every file is checked against a known sha256. If a data set cannot be downloaded, the error says what to
    do instead.
    """
    from invkit.contracts.dataset import data_folder

    entry = default_manager().registry.entry("dataset", name)
    paths = _class(entry).fetch(data_folder(name, out), base_url, files)
    value = {"name": name, "files": [str(path) for path in paths]}
    report(as_json, value, ("file", "bytes"), ((str(path), str(path.stat().st_size)) for path in paths))


def _class(entry: Entry) -> type[Dataset]:
    from invkit.contracts.dataset import Dataset

    found = entry.load()
    if not (isinstance(found, type) and issubclass(found, Dataset)):
        raise PluginError(f"{entry.target} of {entry.distribution} is no Dataset")
    return found


def _record(registry: Registry, entry: Entry) -> dict[str, Any]:
    record: dict[str, Any] = {"name": entry.name, "summary": entry.summary, "plugin": entry.plugin}
    try:
        record["terms"] = _class(entry).terms
        data = build(registry, "dataset", Spec(entry.name))
    except InvkitError as error:
        return {"terms": None} | record | {"here": False, "splits": None, "reason": str(error)}
    return record | {"here": True, "splits": dict(data.splits), "reason": None}


def _row(record: dict[str, Any]) -> tuple[str, str, str, str]:
    counts = " / ".join(f"{count:,}" for count in (record["splits"] or {}).values())
    return record["name"], record["summary"], counts or f"not here: {record['reason']}", record["terms"] or ""
