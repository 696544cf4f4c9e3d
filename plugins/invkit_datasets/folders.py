"""Where data files lie on this computer.

    find_files("mnist", None, ["t10k-images-idx3-ubyte"])

Looked at: the folder given, or else ``$INVKIT_DATA/<data set>``, or else ``../shared/data/<data set>`` seen
from the current folder, where that exists.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from invkit.errors import InputError

__all__ = ["data_folder", "find_files"]


def data_folder(name: str, path: Path | None) -> Path:
    """Return the folder of a data set's files: the one given, or the one the environment says.

    Raises:
        InputError: none was given and none is set; the message says how to.
    """
    if path is not None:
        return path
    if root := os.environ.get("INVKIT_DATA"):
        return Path(root) / name
    beside = Path("..") / "shared" / "data" / name
    if beside.is_dir():
        return beside
    raise InputError(
        f"the data set {name!r} needs its files, and no folder is known",
        hint=f"set INVKIT_DATA to a folder that holds {name}/, or write {name}?path=FOLDER",
    )


def find_files(name: str, path: Path | None, wanted: Sequence[str]) -> list[Path]:
    """Return the path of each wanted file, as it is or with ``.gz`` behind its name.

    Args:
        name: the data set, and the folder's name inside ``$INVKIT_DATA``.
        path: the folder that holds the files; None to look for it.
        wanted: file names without ``.gz``.

    Raises:
        InputError: a file is missing; the message lists which, and where they belong.
    """
    folder = data_folder(name, path)
    found = {file: [p for p in (folder / file, folder / f"{file}.gz") if p.is_file()] for file in wanted}
    if missing := [file for file, paths in found.items() if not paths]:
        raise InputError(
            f"the data set {name!r} lacks {', '.join(missing)} (or the same with .gz) in {folder}",
            hint=f"put them there, set INVKIT_DATA to the folder above {name}/, or write {name}?path=FOLDER",
        )
    return [paths[0] for paths in found.values()]
