"""``invkit datasets fetch``: download a data set; and what ``invkit list datasets`` says of each.

invkit datasets fetch mnist                    # into $INVKIT_DATA/mnist
invkit datasets fetch svhn --out ~/data/svhn --file extra_32x32.mat
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import completing, json_option, report
from invkit.errors import InvkitError, PluginError
from invkit.plugin.building import build
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import Entry, Registry
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.contracts.dataset import Dataset


@click.group("datasets")
def datasets() -> None:
    """Download a data set; `invkit list datasets` says which there are, and which are here."""


@datasets.command("fetch")
@click.argument("name", shell_complete=completing("dataset"))
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


def more(registry: Registry, entry: Entry) -> tuple[dict[str, Any], tuple[str, str]]:
    """Further keys of a data set's record, and its cells of the table: signals in each split, and terms.

    It is looked for with its default options. One that reads files is found in $INVKIT_DATA/NAME.
    """
    terms = ""
    try:
        terms = _class(entry).terms
        data = build(registry, "dataset", Spec(entry.name))
    except InvkitError as error:
        missing = {"here": False, "splits": None, "reason": str(error)}
        return {"terms": terms, **missing}, (f"not here: {error}", terms)
    counts = dict(data.splits)
    cell = " / ".join(f"{count:,}" for count in counts.values())
    return {"terms": terms, "here": True, "splits": counts, "reason": None}, (cell, terms)
