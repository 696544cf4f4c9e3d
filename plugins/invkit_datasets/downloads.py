"""Downloads that are checked, that go on where they stopped, and that leave no half-written file.

    remote = Remote(bases=("https://example.org/data/",), hashes={"a.gz": "sha256…"})
    download(remote, Path("~/data"), None, ())       # [~/data/a.gz]

The bytes that have arrived are kept in ``a.gz.part``; the server is asked for the rest with an HTTP range.
The partial file gets its name when its sha256 is the published one. If it is another after a resumed
download, the file is downloaded once more from the start. If it is still another, nothing is kept.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from invkit.errors import InputError, OutputError

__all__ = ["Remote", "download"]

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
        usual: the files to fetch when none is named; all of them by default.
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
        return [_one(folder / file, remote.hashes[file], bases) for file in wanted]
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}",
            hint="choose a folder that you may write to and that has room",
        ) from error


def _one(path: Path, known: str, bases: Sequence[str]) -> Path:
    if path.exists():
        if _sha256(path) != known:
            raise InputError(
                f"{path} is there, with another content than the published file",
                hint="move it away, or keep it and do not fetch",
            )
        return path
    part, failures = path.with_name(f"{path.name}.part"), []
    for base in bases:
        try:
            _complete(f"{base.rstrip('/')}/{path.name}", part, known)
        except InputError as error:
            failures.append(error.message)
        else:
            os.replace(part, path)
            return path
    raise InputError(
        f"cannot download {path.name}: {'; '.join(failures)}", hint="run it again: it goes on from there"
    )


def _complete(url: str, part: Path, known: str) -> None:
    """Bring all bytes of ``url`` into ``part``; what is there already may turn out to be of another file."""
    start = part.stat().st_size if part.exists() else 0
    for first in dict.fromkeys((start, 0)):
        _receive(url, part, first)
        if _sha256(part) == known:
            return
    part.unlink()
    raise InputError(f"{url} is not the published file: its sha256 is another; nothing was kept")


def _receive(url: str, part: Path, start: int) -> None:
    """Append the bytes from ``start`` on to ``part``; a server without ranges sends the whole file anew.

    Raises:
        InputError: no answer, a refusal, or a connection that was cut; ``part`` keeps what has arrived.
    """
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            continued = start > 0 and answer.status == _PARTIAL
            if continued and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                return  # another range than was asked for: the checksum tells
            expected, received = answer.headers.get("Content-Length"), 0
            with part.open("ab" if continued else "wb") as stream:
                while piece := answer.read(_PIECE):
                    received += stream.write(piece)
    except urllib.error.HTTPError as error:
        error.close()
        if not (start and error.code == _BEYOND_THE_END):  # the part holds all there is, or more
            raise InputError(f"{url} answers {error.code} {error.reason}") from error
        return
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise InputError(f"no connection to {url}: {getattr(error, 'reason', error)}") from error
    if expected is not None and received != int(expected):
        raise InputError(f"the connection to {url} was cut after {received} of {expected} bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
