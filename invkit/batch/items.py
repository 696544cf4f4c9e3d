"""The pictures of a run: what files, folders and archives name, and what went wrong with which.

    source, failures = find_items([Path("photos"), Path("more/a.png")])
    for item in source:
        item.name, item.path          # a, photos/a.png

Folders and archives are listed, and no picture is opened before its turn. A million names take some 100 MB,
in archives 50 MB more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import attrs

from invkit.errors import InputError, counted
from invkit.files.archives import ARCHIVES, Archive, Member, list_archive, names_of_archives, read_member
from invkit.files.bounded import FREE
from invkit.files.held import File, sha256_of
from invkit.files.images import names_of_images
from invkit.files.pictures import MAX_PIXELS, check_file

__all__ = ["Failure", "Item", "Source", "find_items"]

LIST = ".txt"
"""The suffix of a list of paths."""

_A_PIXEL = 24  # the most bytes that one takes in a file: three double numbers
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@attrs.frozen
class Item:
    """One picture of a run.

    Args:
        name: what the names of its results start with, different from every other item's.
        path: the picture's file, or the archive that it is in.
        member: where it stands in the archive.
    """

    name: str
    path: Path
    member: Member | None = None

    def __str__(self) -> str:
        """Return what people call it."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member.name}"

    def absolute(self) -> Item:
        """The same for a process with another current folder."""
        return attrs.evolve(self, path=self.path.absolute())

    def file(self, max_pixels: int = MAX_PIXELS) -> File:
        """The picture's file; of an archive, its bytes in memory.

        Args:
            max_pixels: pixels that a picture may have; a member of far more bytes is not read.

        Raises:
            InputError: a member that is too large or damaged.
        """
        if self.member is None:
            return self.path
        return read_member(self.path, self.member, FREE + _A_PIXEL * max_pixels)

    def stat(self) -> list[int]:
        """Numbers that tell a changed file: its size in bytes and its time of writing in nanoseconds.

        Of a member they are the archive's, and the place in it is added.
        """
        found = os.stat(self.path)
        place = [] if self.member is None else [self.member.offset]
        return [found.st_size, found.st_mtime_ns, *place]

    def sha256(self) -> str:
        """The sha256 of the picture's bytes."""
        return sha256_of(self.file())


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
        listed: archives, and folders with the names of files in them.
    """

    listed: tuple[tuple[Path, tuple[str, ...]] | Archive, ...]

    def __len__(self) -> int:
        return sum(len(each if isinstance(each, Archive) else each[1]) for each in self.listed)

    def __iter__(self) -> Iterator[Item]:
        """Give each picture once, with a name of its own.

        Pictures of the same name in different folders get different names: ``a``, ``a-2``, ``a-3``, in the
        order given. Upper and lower case count as the same: some file systems cannot tell them apart. Of a
        name in an archive, only what follows its last slash counts.
        """
        taken: set[str] = set()
        for stem, path, member in self._each():
            name, number = stem, 1
            while name.casefold() in taken:
                number += 1
                name = f"{stem}-{number}"
            taken.add(name.casefold())
            yield Item(name, path, member)

    def _each(self) -> Iterator[tuple[str, Path, Member | None]]:
        for each in self.listed:
            if isinstance(each, Archive):
                for number, name in enumerate(each.names):
                    last = name.replace("\\", "/").rpartition("/")[2]
                    yield os.path.splitext(last)[0], each.path, each[number]
            else:
                folder, names = each
                for name in names:
                    path = folder / name
                    yield path.stem, path, None


def find_items(paths: Iterable[Path]) -> tuple[Source, list[Failure]]:
    """Return the pictures that files and folders name, and a failure for each path that names none.

    Files are kept in the order given. A folder stands for the images directly inside it, sorted by name, or
    where it has none for the archives; a zip or a tar for the images in it, in its order; a text file for the
    paths in it, one a line, relative to its own folder. ``shards-{000..009}.tar`` stands for ten files. What
    is named twice is listed once.
    """
    listed: list[tuple[Path, tuple[str, ...]] | Archive] = []
    failures: list[Failure] = []
    seen: dict[Path, set[str]] = {}
    for path in (each for written in paths for each in _spread(written)):
        try:
            for folder, names in _named_by(path):
                before = seen.setdefault(folder, set())
                new = tuple(name for name in names if name not in before)
                before.update(names)
                for archived, group in groupby(new, lambda name: name.lower().endswith(ARCHIVES)):
                    if archived:
                        listed += [each for name in group for each in _archive(folder / name, failures)]
                    else:
                        listed.append((folder, tuple(group)))
        except InputError as error:
            failures.append(Failure(str(path), error.message, error.hint))
    return Source(tuple(listed)), failures


def _archive(path: Path, failures: list[Failure]) -> list[Archive]:
    """An archive that has pictures; what is wrong with it goes to the failures."""
    try:
        found = list_archive(path)
    except InputError as error:
        failures.append(Failure(str(path), error.message, error.hint))
        return []
    if found.problem is not None:
        stand = "stands" if len(found) == 1 else "stand"
        why = f"{found.problem}; {counted(len(found), 'image')} {stand} before that place"
        failures.append(Failure(str(path), why, "copy or make the archive again"))
    return [found]


def _spread(path: Path) -> list[Path]:
    """The files that ``a-{00..11}.tar`` stands for; a path without such a range stands for itself."""
    found = _RANGE.search(str(path))
    if found is None or path.exists():
        return [path]
    first, last = found.groups()
    before, after = str(path)[: found.start()], str(path)[found.end() :]
    numbers = range(int(first), int(last) + 1)
    return [each for n in numbers for each in _spread(Path(f"{before}{n:0{len(first)}d}{after}"))]


def _named_by(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders, and the names in them, that one path stands for."""
    if path.is_dir():
        yield path, _in_folder(path)
    elif path.suffix.lower() == LIST and path.is_file():
        yield from _in_list(path)
    elif path.suffix.lower() in ARCHIVES and path.is_file():
        yield path.parent, [path.name]
    else:
        check_file(path)
        yield path.parent, [path.name]


def _in_folder(folder: Path) -> list[str]:
    try:
        return names_of_images(folder)
    except InputError:
        archives = names_of_archives(folder)
        if not archives:
            raise
        return archives


def _in_list(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The pictures of a list of paths; whether they are there shows when their turn comes."""
    try:
        with path.open(encoding="utf-8-sig") as stream:  # some editors begin a text with a byte order mark
            lines = (path.parent / line.rstrip("\n") for line in stream if line.strip())
            found = [(folder, [each.name for each in group]) for folder, group in groupby(lines, _folder)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the list {path}: {error}", hint="write one path a line, in UTF-8"
        ) from error
    if not found:
        raise InputError(f"the list {path} is empty", hint="write one path a line")
    yield from found


def _folder(path: Path) -> Path:
    return path.parent
