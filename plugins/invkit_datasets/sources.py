"""Where encoded images come from: files of a folder, or entries of a zip archive.

    sources = sources_in(Path("img_align_celeba.zip"), (".jpg",))
    sources[0].name                                  # "img_align_celeba/000002.jpg"
    for source, content in contents(sources):        # its bytes, checked against the archive's CRC
        ...

A source's ``stamp`` is what tells it from another of the same name without reading it: the CRC and size that
the archive records, or the size and time of change of a file.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from invkit.errors import InputError

__all__ = ["Source", "contents", "crc_of", "sources_in"]


@attrs.frozen
class Source:
    """One encoded image.

    Args:
        path: the file, or the archive that holds it.
        name: the path inside the folder or archive, with ``/`` between its parts.
        stamp: changes with the content.
        zipped: whether ``path`` is an archive.
        crc: the CRC-32 in hexadecimal that the archive records; None for a file.
    """

    path: Path
    name: str
    stamp: str
    zipped: bool
    crc: str | None = None

    @property
    def base(self) -> str:
        """The file name alone."""
        return self.name.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.name} in {self.path}" if self.zipped else str(self.path)


def contents(sources: Iterable[Source]) -> Iterator[tuple[Source, bytes]]:
    """Yield each source with its encoded bytes; an archive is opened once.

    Raises:
        InputError: one cannot be read, or is damaged; naming the file, and the entry in an archive.
    """
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}
        for source in sources:
            try:
                if not source.zipped:
                    content = source.path.read_bytes()
                else:
                    if source.path not in archives:
                        archives[source.path] = stack.enter_context(zipfile.ZipFile(source.path))
                    content = archives[source.path].read(source.name)
            except Exception as error:  # a damaged archive may raise nearly anything while it is unpacked
                raise InputError(f"cannot read {source}: {error}", hint="fetch the file again") from error
            yield source, content


def crc_of(source: Source) -> str:
    """Return the CRC-32 of the encoded bytes in hexadecimal, from the archive's listing or by reading."""
    if source.crc is not None:
        return source.crc
    return next(f"{zlib.crc32(content):08x}" for _, content in contents([source]))


def sources_in(path: Path, suffixes: Sequence[str], *, recursive: bool = False) -> list[Source]:
    """Return the images in a zip archive (at any depth), or directly inside a folder, sorted by name.

    Hidden files are left out, and so is what a Mac adds to an archive.

    Args:
        path: a folder or a zip archive.
        suffixes: the endings of image files, in lower case.
        recursive: look into the folders inside a folder, too.

    Raises:
        InputError: no such file or folder, no archive, or a truncated one.
    """
    if path.is_dir():
        inside = path.rglob("*") if recursive else path.iterdir()
        found = [_file(path, file) for file in inside if file.is_file()]
    else:
        found = [
            Source(path, info.filename, f"{info.file_size} {info.CRC:08x}", True, f"{info.CRC:08x}")
            for info in _listing(path)
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
    wanted = [s for s in found if not s.base.startswith(".") and Path(s.base).suffix.lower() in suffixes]
    return sorted(wanted, key=lambda source: source.name)


def _file(folder: Path, file: Path) -> Source:
    stat = file.stat()
    return Source(file, file.relative_to(folder).as_posix(), f"{stat.st_size} {stat.st_mtime_ns}", False)


def _listing(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except FileNotFoundError as error:
        raise InputError(f"no such file or folder: {path}", hint="check the path") from error
    except Exception as error:  # as above
        raise InputError(
            f"cannot read {path} as a zip archive: {error}",
            hint="it is truncated or of another type; fetch the file again",
        ) from error
