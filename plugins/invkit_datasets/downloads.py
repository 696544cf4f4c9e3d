"""Downloads that are checked, that go on where they stopped, and that leave no half-written file.

    remote = Remote(bases=("https://example.org/data/",), hashes={"a.gz": "sha256…"})
    download(remote, Path("~/data"), None, ())       # [~/data/a.gz]

pooch compares the checksum and puts the file in its place; the bytes come through `Resuming`, which keeps
what has arrived in ``a.gz.part`` and asks the server for the rest with an HTTP range. A server that sends
the whole file again is taken at its word. A file of another checksum is removed.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pooch
from pooch.hashes import file_hash

from invkit.errors import InputError, OutputError

__all__ = ["Remote", "Resuming", "download"]

_PIECE = 1 << 20
_TIMEOUT = 60  # seconds without a byte
_PARTIAL: Final = 206
_BEYOND_THE_END: Final = 416


@attrs.frozen
class Remote:
    """Files that can be downloaded.

    Args:
        bases: addresses above the files, tried in this order.
        hashes: the sha256 of each file.
        usual: the files fetched where none is named; all of them by default.
    """

    bases: tuple[str, ...]
    hashes: Mapping[str, str]
    usual: tuple[str, ...] | None = None


def download(remote: Remote, folder: Path, base_url: str | None, files: Sequence[str]) -> list[Path]:
    """Return the files, downloading those that are not there yet; see `Dataset.fetch`.

    Raises:
        InputError: an unknown file, no server answers, the connection is cut, another content than expected,
            or a file in the way whose content is another.
        OutputError: the folder cannot be written.
    """
    wanted = tuple(files) or remote.usual or tuple(remote.hashes)
    if unknown := [file for file in wanted if file not in remote.hashes]:
        raise InputError(f"there is no file {unknown[0]!r}", hint=f"choose {', '.join(remote.hashes)}")
    bases = remote.bases if base_url is None else (base_url,)
    if bad := [base for base in bases if not base.startswith(("http://", "https://"))]:
        raise InputError(f"cannot download from {bad[0]!r}", hint="give an address that starts with https://")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_one(file, remote.hashes[file], bases, folder) for file in wanted]
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}",
            hint="choose a folder that you may write to and that has room",
        ) from error


def _one(file: str, known: str, bases: Sequence[str], folder: Path) -> Path:
    path = folder / file
    if path.exists():
        if file_hash(str(path)) != known:
            raise InputError(
                f"{path} is there, with another content than the published file",
                hint="move it away, or keep it and do not fetch",
            )
        return path
    failures = []
    for base in bases:
        try:
            return _from(f"{base.rstrip('/')}/{file}", path, known)
        except InputError as error:
            failures.append(error.message)
    raise InputError(
        f"cannot download {file}: {'; '.join(failures)}", hint="run it again: it goes on from there"
    )


def _from(url: str, path: Path, known: str) -> Path:
    part = path.with_name(f"{path.name}.part")
    resumed = part.exists() and part.stat().st_size > 0
    try:
        return _checked(url, path, known, part)
    except _OtherContent as error:
        if not resumed:  # what was there before may have been of another file: once more, from the start
            raise InputError(str(error)) from error
    try:
        return _checked(url, path, known, part)
    except _OtherContent as error:
        raise InputError(str(error)) from error


def _checked(url: str, path: Path, known: str, part: Path) -> Path:
    logger = pooch.get_logger()
    level, _ = logger.level, logger.setLevel("ERROR")  # what it says goes to stderr unasked
    try:
        pooch.retrieve(url, f"sha256:{known}", fname=path.name, path=path.parent, downloader=Resuming(part))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise _OtherContent(
            f"{url} is not the published file: its sha256 is another; nothing was kept"
        ) from error
    finally:
        logger.setLevel(level)
    return path


class _OtherContent(Exception):
    """What was downloaded has another checksum."""


@attrs.frozen
class Resuming:
    """A downloader for pooch that goes on from a partial file.

    Args:
        part: where the bytes are kept until all have arrived.
    """

    part: Path

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        """Bring all bytes of ``url`` into ``output_file``, starting with those in ``part``.

        Raises:
            InputError: no answer, a refusal, or a connection that was cut; ``part`` keeps what has arrived.
        """
        try:
            self._receive(url)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != _BEYOND_THE_END:
                raise InputError(f"{url} answers {error.code} {error.reason}") from error
            self.part.unlink()  # it holds all there is, or more
            self.__call__(url, output_file, pooch)
            return
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise InputError(f"no connection to {url}: {getattr(error, 'reason', error)}") from error
        os.replace(self.part, output_file)

    def _receive(self, url: str) -> None:
        start = self.part.stat().st_size if self.part.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            expected = answer.headers.get("Content-Length")
            goes_on = (
                answer.status == _PARTIAL and _first_byte(answer.headers.get("Content-Range", "")) == start
            )
            if answer.status == _PARTIAL and not goes_on:
                self.part.unlink()
                raise InputError(f"{url} sends another range than was asked for")
            received = 0
            with self.part.open("ab" if goes_on else "wb") as stream:
                while piece := answer.read(_PIECE):
                    stream.write(piece)
                    received += len(piece)
        if expected is not None and received != int(expected):
            raise InputError(f"the connection to {url} was cut after {received} of {expected} bytes")


def _first_byte(content_range: str) -> int | None:
    """Return where a range starts: 100 in ``bytes 100-199/200``."""
    unit, _, span = content_range.partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdigit() else None
