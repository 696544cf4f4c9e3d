"""Arrays of numbers in MATLAB 5 files, read without trust in the file.

    describe_mat("im05_ker04.mat")              # {"x": MatArray("double", (255, 255)), …}, from the headers
    read_mat("im05_ker04.mat", ["x", "f"])      # {"x": (255, 255) float64, …}

Every size is checked against the file before anything is allocated, and compressed arrays are unpacked piece
by piece, no further than their header says. Numbers have the type that they are stored with, which may be
smaller than MATLAB's class for them. Cells, structures, text and sparse matrices are passed over.

Source: "MAT-File Format", The MathWorks, version 5.
"""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal

import attrs
import numpy as np
import numpy.typing as npt

from invkit.errors import InputError
from invkit.files.bounded import Inflated, check_ratio, read_exactly

__all__ = ["MatArray", "describe_mat", "read_mat"]

_HEADER: Final = 128
Order = Literal["<", ">"]
"""The byte order of a file, as numpy and struct write it."""
_MATRIX, _COMPRESSED = 14, 15
#: type of data → numpy's
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "double", 7: "single"} | {
    8 + n: name
    for n, name in enumerate(("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"))
}
_COMPLEX, _LOGICAL = 0x08, 0x02
#: more axes, letters of a name or arrays than any real file has
_AXES, _NAME, _ARRAYS = 32, 256, 1000


@attrs.frozen
class MatArray:
    """What a header says of an array.

    Args:
        kind: MATLAB's class, e.g. ``"uint8"``; ``"other"`` of what is no full array of numbers.
        shape: its axes.
    """

    kind: str
    shape: tuple[int, ...]


@attrs.frozen
class _Variable:
    """An array in a file: where it lies, and its header."""

    name: str
    array: MatArray
    complex: bool
    begin: int
    held: int
    compressed: bool


def describe_mat(path: str | os.PathLike[str]) -> dict[str, MatArray]:
    """Name, class and shape of each variable, from the headers alone.

    Raises:
        InputError: no MATLAB 5 file, or a damaged one.
    """
    path = Path(path)
    with _reported(path), path.open("rb") as stream:
        return {found.name: found.array for found in _variables(stream)}


def read_mat(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read full arrays of numbers by name.

    Args:
        path: a MATLAB 5 file, compressed or not; those of version 7.3 are HDF5 and are refused.
        names: which arrays; one that is not there is left out.

    Returns:
        Arrays with the axes of the file, in the type in which the numbers are stored.

    Raises:
        InputError: no MATLAB 5 file, a damaged or truncated one, one that unpacks to far more than itself, or
            a name that is no array of numbers.
    """
    path = Path(path)
    with _reported(path), path.open("rb") as stream:
        order = _order(stream)
        wanted = [found for found in _variables(stream) if found.name in names]
        return {found.name: _numbers(stream, order, found) for found in wanted}


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what goes wrong while reading a file into an InputError that names it."""
    try:
        yield
    except (OSError, ValueError, struct.error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"cannot read {path} as a MATLAB 5 file: {reason or type(error).__name__}",
            hint="fetch it again, or save it by save(…, '-v7')",
        ) from error


def _order(stream: IO[bytes]) -> Order:
    """The byte order of a file, its header checked."""
    stream.seek(0)
    head = stream.read(_HEADER)
    if head.startswith(b"\x89HDF") or b"MATLAB 7.3" in head:
        raise ValueError("it is of version 7.3")
    orders: dict[bytes, Order] = {b"IM": "<", b"MI": ">"}
    if len(head) < _HEADER or head[126:] not in orders:
        raise ValueError("it has no header of one")
    order = orders[head[126:]]
    (version,) = struct.unpack(order + "H", head[124:126])
    if version >> 8 != 1:
        raise ValueError(f"it is of version {version >> 8}")
    return order


def _variables(stream: IO[bytes]) -> list[_Variable]:
    """The variables of a file in order; each name once."""
    order, size = _order(stream), os.fstat(stream.fileno()).st_size
    found: dict[str, _Variable] = {}
    place = _HEADER
    while place < size:
        stream.seek(place)
        kind, held = struct.unpack(order + "II", read_exactly(stream, 8))
        place += 8
        if held > size - place:
            raise ValueError(f"truncated: a variable of {held:,} bytes, {size - place:,} are there")
        if kind in (_MATRIX, _COMPRESSED):
            variable = _variable(stream, order, place, held, kind == _COMPRESSED)
            if variable.name in found:
                raise ValueError(f"it has two variables {variable.name!r}")
            found[variable.name] = variable
            if len(found) > _ARRAYS:
                raise ValueError(f"it has more than {_ARRAYS} variables")
        # Compressed variables follow each other directly; the others are padded to 8 bytes.
        place += held if kind == _COMPRESSED else held + -held % 8
    return list(found.values())


def _variable(stream: IO[bytes], order: Order, begin: int, held: int, compressed: bool) -> _Variable:
    reader, _ = _opened(stream, order, begin, held, compressed)
    array, name, is_complex = _head(reader, order)
    return _Variable(name, array, is_complex, begin, held, compressed)


def _opened(stream: IO[bytes], order: Order, begin: int, held: int, compressed: bool) -> tuple[Any, int]:
    """A reader of a matrix's elements, and the bytes that all of them take."""
    stream.seek(begin)
    if not compressed:
        return stream, held
    reader = Inflated(stream, held)
    kind, length = struct.unpack(order + "II", reader.read(8))
    if kind != _MATRIX:
        raise ValueError(f"a compressed element of type {kind}")
    return reader, length


def _head(reader: Any, order: Order) -> tuple[MatArray, str, bool]:
    """What stands before a matrix's numbers: class, axes and name."""
    flags = struct.unpack(order + "II", _element(reader, order, 8))[0]
    axes = np.frombuffer(_element(reader, order, 4 * _AXES), order + "i4").tolist()
    name = _element(reader, order, _NAME).decode("utf-8", "replace")
    if len(axes) < 2 or min(axes) < 0:
        raise ValueError(f"a variable of shape {tuple(axes)}")
    kind = _CLASSES.get(flags & 0xFF, "other")
    is_logical = kind == "uint8" and flags >> 8 & _LOGICAL
    return MatArray("logical" if is_logical else kind, tuple(axes)), name, bool(flags >> 8 & _COMPLEX)


def _tag(reader: Any, order: Order) -> tuple[int, int, bytes | None]:
    """Type and length of an element; and its content where it is so short that the tag holds it."""
    head = reader.read(8)
    if len(head) < 8:
        raise ValueError("truncated inside a variable")
    kind, length = struct.unpack(order + "II", head)
    if kind >> 16:
        if kind >> 16 > 4:
            raise ValueError("an element of a damaged length")
        return kind & 0xFFFF, kind >> 16, head[4 : 4 + (kind >> 16)]
    return kind, length, None


def _element(reader: Any, order: Order, most: int) -> bytes:
    """A short element's content."""
    _, length, content = _tag(reader, order)
    if content is not None:
        return content
    if length > most:
        raise ValueError(f"an element of {length:,} bytes where at most {most} are expected")
    padded = reader.read(length + -length % 8)
    if len(padded) < length:
        raise ValueError("truncated inside a variable")
    return bytes(padded[:length])


def _numbers(stream: IO[bytes], order: Order, variable: _Variable) -> npt.NDArray[Any]:
    """The array itself."""
    if variable.array.kind == "other":
        raise ValueError(f"{variable.name} is no array of numbers")
    count = math.prod(variable.array.shape)
    reader, length = _opened(stream, order, variable.begin, variable.held, variable.compressed)
    what = f"{variable.name} {'×'.join(map(str, variable.array.shape))}"
    check_ratio(what, max(length, count * (2 if variable.complex else 1)), variable.held)
    _head(reader, order)
    values = _part(reader, order, count, length)
    if variable.complex:
        imaginary = _part(reader, order, count, length)
        both = np.empty(count, np.result_type(values, np.complex64))
        both.real, both.imag = values, imaginary
        values = both
    if variable.compressed:
        reader.end()
    return values.reshape(variable.array.shape, order="F")


def _part(reader: Any, order: Order, count: int, length: int) -> npt.NDArray[Any]:
    """Real or imaginary part, in the type in which it is stored."""
    kind, held, content = _tag(reader, order)
    if kind not in _STORED:
        raise ValueError(f"numbers of type {kind}")
    dtype = np.dtype(_STORED[kind]).newbyteorder(order)
    if held != count * dtype.itemsize or held > length:
        raise ValueError(f"{held:,} bytes of numbers, expected {count} of {dtype.itemsize}")
    if content is not None:
        values = np.frombuffer(content, dtype)
    elif isinstance(reader, Inflated):
        values = reader.array(dtype, count)
        reader.read(-held % 8)
    else:
        values = np.frombuffer(read_exactly(reader, held), dtype)
        reader.seek(-held % 8, io.SEEK_CUR)
    return values.astype(dtype.newbyteorder("="), copy=False)
