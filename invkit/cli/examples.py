"""``invkit examples copy``: copy the blurry pictures that come with invkit to a folder.

invkit examples copy pictures
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from invkit.cli.output import Listing, json_option, report

_COPIED = "_blurry.png", "_sharp.png", "_kernel.npy"


@click.group("examples")
def examples() -> None:
    """Copy the blurry pictures that come with invkit; `invkit list examples` names them."""


def listing() -> Listing:
    """The pictures, with a method that suits each, and their terms."""
    from invkit.packaged import examples as packaged

    table = packaged()
    records = [{"name": name, **about} for name, about in table.items()]
    rows = ((each["name"], each["summary"], each["method"], each["terms"]) for each in records)
    return Listing({"examples": records}, ("name", "summary", "method", "terms"), rows)


@examples.command("copy")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
def copy(folder: Path, as_json: bool) -> None:
    """Copy the pictures to FOLDER: NAME_blurry.png, and the truth NAME_sharp.png and NAME_kernel.npy.

    Files of these names are replaced.
    """
    from invkit.files.solutions import writable_folder
    from invkit.packaged import FOLDER
    from invkit.packaged import examples as packaged

    writable_folder(folder)
    copied = []
    for name in packaged():
        for suffix in _COPIED:
            copied.append(folder / f"{name}{suffix}")
            shutil.copyfile(FOLDER / f"{name}{suffix}", copied[-1])
    report(as_json, {"files": [str(path) for path in copied]}, ("file",), ((str(path),) for path in copied))
