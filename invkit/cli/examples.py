"""``invkit examples``: list the blurry pictures that come with invkit, and copy them to a folder.

invkit examples
invkit examples copy pictures
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from invkit.cli.output import json_option, report

_COPIED = "_blurry.png", "_sharp.png", "_kernel.npy"


@click.group("examples", invoke_without_command=True)
@json_option
@click.pass_context
def examples(ctx: click.Context, as_json: bool) -> None:
    """List the blurry pictures that come with invkit; `invkit examples copy DIR` copies them."""
    if ctx.invoked_subcommand is not None:
        return
    from invkit.packaged import examples as packaged

    table = packaged()
    records = [{"name": name, **about} for name, about in table.items()]
    rows = ((each["name"], each["summary"], each["method"], each["terms"]) for each in records)
    report(as_json, {"examples": records}, ("name", "summary", "method", "terms"), rows)


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
