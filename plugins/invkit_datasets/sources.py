"""Encoded images: files of a folder, or entries of a zip archive.

    sources = sources_in(Path("img_align_celeba.zip"), (".jpg",))
    sources[0].name                                  # "img_align_celeba/000002.jpg"
    for source, content in contents(sources):        # its bytes, checked against the archive's CRC
        ...
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from invkit.errors import InputError
from invkit.files.bounded import open_member

__all__ = ["AGAIN", "Source", "contents", "crc_of", "readable", "sources_in", "stamp"]

AGAIN = "the file is damaged, truncated or of another type; fetch it again"
"""The usual hint for a file that cannot be read."""


@contextmanager
def readable(what: str, hint: str = AGAIN) -> Iterator[None]:
    """Report any failure inside the block as an `InputError`: "cannot read ``what``: …".

    A damaged file may raise nearly anything inside a decoder.
    """
    try:
        yield
    except Exception as error:
        raise InputError(f"cannot read {what}: {error}", hint=hint) from error


@attrs.frozen
class Source:
    """One encoded image.

    Args:
        path: the file, or the archive that holds it.
        name: the path inside the folder or archive, with ``/`` between its parts.
        stamp: a text that changes with the content, known without reading it: the size and CRC that the
            archive records, or a file's size and time of change.
        crc: the CRC-32 in hexadecimal that the archive records; None for a file.
    """

    path: Path
    name: str
    stamp: str
    crc: str | None = None

    @property
    def base(self) -> str:
        """The file name without folders."""
        return self.name.rpartition("/")[2]

    @property
    def identity(self) -> str:
        """Where the image lies, with its stamp; a part of the cache's key."""
        return f"{self.path.resolve()} {self.name} {self.stamp}"

    def __str__(self) -> str:
        return str(self.path) if self.crc is None else f"{self.name} in {self.path}"


def contents(sources: Iterable[Source]) -> Iterator[tuple[Source, bytes]]:
    """Yield each source with its encoded bytes; an archive is opened once.

    Raises:
        InputError: a source is unreadable or damaged; names the file, and the entry in an archive.
    """
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}
        for source in sources:
            with readable(str(source)):
                if source.crc is None:
                    content = source.path.read_bytes()
                else:
                    if source.path not in archives:
                        archives[source.path] = stack.enter_context(zipfile.ZipFile(source.path))
                    archive = archives[source.path]
                    with open_member(archive, archive.getinfo(source.name)) as member:
                        content = member.read()
            yield source, content


def crc_of(source: Source) -> str:
    """Return the CRC-32 of the encoded bytes in hexadecimal, from the archive's listing or by reading."""
    return source.crc or next(f"{zlib.crc32(content):08x}" for _, content in contents([source]))


def stamp(file: Path) -> str:
    """Return a file's size and time of change."""
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def sources_in(path: Path, suffixes: Sequence[str], *, recursive: bool = False) -> list[Source]:
    """Return the images in a zip archive (at any depth), or directly inside a folder, sorted by name.

    Hidden files are left out, and so is what a Mac adds to an archive.

    Args:
        path: a folder or a zip archive.
        suffixes: the endings of image files, in lower case.
        recursive: look into the folders inside a folder, too.

    Raises:
        InputError: no such file or folder, or no complete zip archive.
    """
    if path.is_dir():
        inside = path.rglob("*") if recursive else path.iterdir()
        found = [Source(f, f.relative_to(path).as_posix(), stamp(f)) for f in inside if f.is_file()]
    elif not path.exists():
        raise InputError(f"no such file or folder: {path}", hint="check the path")
    else:
        with readable(f"{path} as a zip archive"), zipfile.ZipFile(path) as archive:
            found = [
                Source(path, info.filename, f"{info.file_size} {info.CRC:08x}", f"{info.CRC:08x}")
                for info in archive.infolist()
                if not info.is_dir() and not info.filename.startswith("__MACOSX/")
            ]
    wanted = [s for s in found if not s.base.startswith(".") and Path(s.base).suffix.lower() in suffixes]
    return sorted(wanted, key=lambda source: source.name)
