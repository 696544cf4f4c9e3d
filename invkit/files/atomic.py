"""Atomic writes: a file appears complete under its name, or not at all.

The bytes go to a temporary name in the same directory, are flushed to the disk, and the temporary file is
then renamed over the target, which POSIX and Windows both do in one step. A reader never sees half a file,
and an interrupted run never destroys the file that was there before.

>>> import pathlib, tempfile
>>> target = pathlib.Path(tempfile.mkdtemp()) / "result.txt"
>>> with atomic_write(target, text=True) as stream:
...     _ = stream.write("complete")
>>> target.read_text()
'complete'
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from invkit.errors import InvkitError, OutputError

_LONGEST_NAME = 255  # bytes, on most file systems


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, text: bool = False) -> Iterator[IO[Any]]:
    """A stream whose content becomes the file `path` when the block ends without an exception.

    Missing parent folders are made. If the block raises, the temporary file is removed, an earlier file at
    `path` is left as it was, and the exception passes through.

    Args:
        path: the file to write or replace.
        text: give a UTF-8 text stream (newlines as written) instead of a binary one.

    Raises:
        OutputError: the folder cannot be made or written, `path` is a folder, or the disk is full.
    """
    path = Path(path)
    with _explained(path):
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder", hint="give the name of a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        check_name(path)
        prefix = "." + os.fsencode(path.name)[:100].decode("utf-8", "ignore") + "."
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".tmp")
    try:
        mode, encoding, newline = ("w", "utf-8", "") if text else ("wb", None, None)
        with (
            _explained(path, only_unnamed=True),
            os.fdopen(handle, mode, encoding=encoding, newline=newline) as stream,
        ):
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with _explained(path):
            os.chmod(temporary, _mode(path))
            os.replace(temporary, path)
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def check_name(path: Path) -> None:
    """Refuse a path that the system cannot take; ask before hours of work, not after them.

    Args:
        path: the file that is to be written. The file system of its folder says how long a name may be.

    Raises:
        OutputError: the name or the whole path has too many bytes (letters beyond ASCII have two to four), or
            a zero byte.
    """
    if "\0" in str(path):
        raise OutputError(f"{path} has a zero byte", hint="rename the file that it is named after")
    length, whole = len(os.fsencode(path.name)), len(os.fsencode(path))
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and length <= _LONGEST_NAME:
            raise OutputError(
                f"the path of {path.name} has {whole} bytes, more than the system takes",
                hint="choose a folder with a shorter path",
            ) from error
    folder = next((each for each in path.absolute().parents if os.path.isdir(each)), Path("/"))
    try:
        most = os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # no POSIX, or a file system that does not tell
        most = _LONGEST_NAME
    if length > most:
        raise OutputError(
            f"the name {path.name} has {length} bytes, the file system takes {most}",
            hint="rename the file that it is named after",
        )


@contextlib.contextmanager
def _explained(path: Path, *, only_unnamed: bool = False) -> Iterator[None]:
    """Turn the system's refusal to write `path` into an `OutputError` that says what to do.

    An invkit error, and an error about another file that the caller's block opened (a failed write to an open
    stream names no file), pass through as they are.
    """
    try:
        yield
    except OSError as error:
        if (
            isinstance(error, InvkitError)
            or error.errno is None
            or (only_unnamed and error.filename is not None)
        ):
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}", hint="choose a folder that you may write to and that has room"
        ) from error


def _mode(path: Path) -> int:
    """The permissions of the file being replaced, else those of a plain `open` (mkstemp's are private)."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
