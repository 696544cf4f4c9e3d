"""Arrays in npy and npz files, read no further than the file goes.

    values, sha256 = read_array(Path("mask.npy"), "a mask")     # with the digest that a record keeps
    arrays = read_arrays(Path("basis.npz"))                     # {"basis": …}; of an npy file {"": …}

What numpy would do is right for numpy's own files. Of a damaged one it believes the shape in the header and
allocates it; here the bytes that are there decide.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from invkit.errors import InputError
from invkit.files.bounded import Readable, open_member

__all__ = ["load_npy", "npy_shape", "read_array", "read_arrays"]

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_ZIP = b"PK"
_PIECE = 1 << 22


def read_array(path: Path, what: str) -> tuple[Any, str]:
    """The array of an npy file, and the sha256 of the file.

    Args:
        path: the file.
        what: what it holds, for messages: ``"weights"``.

    Raises:
        InputError: no such file, a damaged one, or one that holds Python objects.
    """
    try:
        content = path.read_bytes()
        values = load_npy(io.BytesIO(content), len(content))
    except Exception as error:  # a damaged header may raise nearly anything while numpy parses it
        raise InputError(f"cannot read {what} from {path}: {error}", hint="give an npy file") from error
    return values, hashlib.sha256(content).hexdigest()


def read_arrays(path: Path, names: Sequence[str] | None = None) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of an npz file by name, or of an npy file under the name ``""``.

    Args:
        path: the file.
        names: the arrays of an npz file to read, where there; None: all.

    Raises:
        InputError: the file is missing or damaged, holds Python objects, or unpacks to far more than itself.
    """
    if not path.is_file():
        raise InputError(
            f"no such file: {path}", hint="check the path; relative paths start at the current folder"
        )
    try:
        with path.open("rb") as stream:
            if stream.read(2) != _ZIP:
                stream.seek(0)
                return {"": load_npy(stream, os.fstat(stream.fileno()).st_size)}
            return _members(stream, names)
    except Exception as error:  # a damaged header may raise nearly anything while numpy parses it
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"cannot read arrays from {path}: {reason}", hint="save it with numpy.save or numpy.savez"
        ) from error


def load_npy(stream: Readable, size: int) -> npt.NDArray[Any]:
    """The array of an npy file, as it is stored.

    Args:
        stream: at the file's beginning.
        size: bytes of the file.

    Raises:
        ValueError: no npy file, a damaged or truncated one, or Python objects.
    """
    shape, by_columns, dtype = _header(stream)
    count, there = math.prod(shape), size - stream.tell()
    wanted = max(count, count * dtype.itemsize)
    if dtype.hasobject or dtype.subdtype is not None:
        raise ValueError("it holds Python objects, or arrays of arrays")
    if wanted > there:
        raise ValueError(f"truncated: {there:,} bytes of {wanted:,}")
    values = np.empty(count, dtype)
    target, done = values.view(np.uint8).data if values.nbytes else memoryview(b""), 0
    while done < len(target):
        piece = stream.read(min(_PIECE, len(target) - done))
        if not piece:
            raise ValueError(f"truncated: {done:,} bytes of {len(target):,}")
        target[done : done + len(piece)] = piece
        done += len(piece)
    return values.reshape(shape, order="F" if by_columns else "C")


def npy_shape(stream: Readable) -> tuple[int, ...]:
    """The shape in the header of an npy file; ValueError where there is none."""
    return _header(stream)[0]


def _header(stream: Readable) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"npy of version {version[0]}.{version[1]}")
    shape, by_columns, dtype = _HEADERS[version](stream)
    if any(side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape}")
    return shape, by_columns, dtype


def _members(stream: IO[bytes], names: Sequence[str] | None) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file."""
    found = {}
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if names is None or name in names:
                with open_member(archive, info) as member:
                    found[name] = load_npy(member, info.file_size)
                    member.read(1)  # at its end, the checksum is looked at
    return found
