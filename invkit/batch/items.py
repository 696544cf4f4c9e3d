"""The pictures of a run: what files and folders name, and what went wrong with which.

    source, failures = find_items([Path("photos"), Path("more/a.png")])
    for item in source:
        item.name, item.path          # a, photos/a.png

Folders are listed, and nothing is opened before its turn. A million names take some 100 MB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import attrs

from invkit.errors import InputError
from invkit.files.images import names_of_images
from invkit.files.pictures import check_file

__all__ = ["Failure", "Item", "Source", "find_items"]

LIST = ".txt"
"""The suffix of a list of paths."""


@attrs.frozen
class Item:
    """One picture of a run.

    Args:
        name: what the names of its results start with, different from every other item's.
        path: the picture's file.
    """

    name: str
    path: Path

    def __str__(self) -> str:
        """Return what people call it."""
        return str(self.path)


@attrs.frozen
class Failure:
    """A picture that could not be solved, and why.

    Args:
        source: the picture, or what should have named one.
        message: what went wrong.
        hint: what to type instead.
        foreseen: whether an :class:`~invkit.errors.InvkitError` said so.
        passing: whether it may go better alone: memory was short, or the process was killed.
        full: whether there was no room on a disk.
        error: what was raised, in the process that raised it.
    """

    source: str
    message: str
    hint: str | None = None
    foreseen: bool = True
    passing: bool = False
    full: bool = False
    error: BaseException | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        return " ".join((self.message if self.hint is None else f"{self.message}; {self.hint}").split())

    def __str__(self) -> str:
        """Return one line that names the picture."""
        return self.reason if self.source in self.reason else f"{self.source}: {self.reason}"


@attrs.frozen
class Source:
    """The pictures of a run, in order.

    Args:
        listed: folders with the names of files in them.
    """

    listed: tuple[tuple[Path, tuple[str, ...]], ...]

    def __len__(self) -> int:
        return sum(len(names) for _, names in self.listed)

    def __iter__(self) -> Iterator[Item]:
        """Give each picture once, with a name of its own.

        Pictures of the same name in different folders get different names: ``a``, ``a-2``, ``a-3``, in the
        order given. Upper and lower case count as the same: some file systems cannot tell them apart.
        """
        taken: set[str] = set()
        for folder, names in self.listed:
            for each in names:
                path = folder / each
                name, number = path.stem, 1
                while name.casefold() in taken:
                    number += 1
                    name = f"{path.stem}-{number}"
                taken.add(name.casefold())
                yield Item(name, path)


def find_items(paths: Iterable[Path]) -> tuple[Source, list[Failure]]:
    """Return the pictures that files and folders name, and a failure for each path that names none.

    Files are kept in the order given. A folder stands for the images directly inside it, sorted by name; a
    text file for the paths in it, one a line, relative to its own folder. A file that is named twice is
    listed once.
    """
    listed: list[tuple[Path, tuple[str, ...]]] = []
    failures = []
    seen: dict[Path, set[str]] = {}
    for path in paths:
        try:
            for folder, names in _named_by(path):
                before = seen.setdefault(folder, set())
                listed.append((folder, tuple(name for name in names if name not in before)))
                before.update(names)
        except InputError as error:
            failures.append(Failure(str(path), error.message, error.hint))
    return Source(tuple(listed)), failures


def _named_by(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders, and the names in them, that one path stands for."""
    if path.is_dir():
        yield path, names_of_images(path)
    elif path.suffix.lower() == LIST and path.is_file():
        yield from _in_list(path)
    else:
        check_file(path)
        yield path.parent, [path.name]


def _in_list(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The pictures of a list of paths; whether they are there shows when their turn comes."""
    try:
        with path.open(encoding="utf-8") as stream:
            lines = (path.parent / line.rstrip("\n") for line in stream if line.strip())
            found = [(folder, [each.name for each in group]) for folder, group in groupby(lines, _folder)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the list {path}: {error}", hint="write one path a line, in UTF-8"
        ) from error
    if not found:
        raise InputError(f"no path in {path}", hint="write one path a line")
    yield from found


def _folder(path: Path) -> Path:
    return path.parent
