"""Arrays in npy files as pictures: (height, width) or (1 or 3, height, width)."""

from __future__ import annotations

import numpy as np

from invkit.errors import InputError
from invkit.files.arrays import load_npy, npy_shape
from invkit.files.decoded import Decoded
from invkit.files.held import File, size_of


def npy_size(path: File) -> tuple[int, int]:
    """Height and width as the file's header has them.

    Raises:
        InputError: the shape of no picture.
    """
    with path.open("rb") as stream:
        return checked_size(path, npy_shape(stream))


def read_npy(path: File) -> Decoded:
    """Decode an npy file of uint8, uint16, bool or floats in [0, 1].

    Raises:
        InputError: another shape or dtype.
    """
    with path.open("rb") as stream:
        array = load_npy(stream, size_of(path))
    checked_size(path, array.shape)
    return numbers(path, array[None] if array.ndim == 2 else array)


def checked_size(path: File, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an array that is a picture.

    Raises:
        InputError: neither (height, width) nor (1 or 3, height, width).
    """
    if len(shape) != 2 and (len(shape) != 3 or (shape[0] not in (1, 3) and 0 not in shape)):
        layout = "; move the channels first: np.moveaxis(a, -1, 0)" if shape[-1:] in ((1,), (3,)) else ""
        raise InputError(
            f"expected (height, width) or (1 or 3, height, width) in {path}, got {shape}",
            hint=f"save one image a file{layout}",
        )
    return shape[-2], shape[-1]


def numbers(path: File, array: np.ndarray) -> Decoded:
    """A plain array as a picture: unsigned integers of 8 or 16 bits by their range, floats as they are.

    Raises:
        InputError: another dtype.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if kind == "b":
        return Decoded(native, 1.0, 1)
    if kind == "u" and size <= 2:
        return Decoded(native, float(np.iinfo(native.dtype).max), 8 * size)
    if kind == "f":
        return Decoded(native, 1.0, 8 * size)
    raise InputError(
        f"expected uint8, uint16 or floating pixels in {path}, got {array.dtype}",
        hint="convert it to floats in [0, 1]",
    )
