"""Measured arrays of instruments, as numbers: k-space of MRI, stacks of microscopes.

    kspace = read_cfl("full.cfl")                # (coils, height, width), complex64
    volume = read_stack("data.tif")              # (1, slices, height, width), counts as they were stored

Pictures have intensities in [0, 1]; what is read here keeps the instrument's unit.
"""

from __future__ import annotations

import logging
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from invkit.errors import InputError, InvkitError

__all__ = ["read_cfl", "read_stack"]

_HEADER = 1 << 16  # bytes; the sizes stand on the second line

# tifffile logs remarks on damaged files; here such a file is an error instead.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_cfl(path: Path | str) -> npt.NDArray[np.complex64]:
    """The array of BART's files ``name.cfl`` (complex64, the first dimension fastest) and ``name.hdr``.

    Returns:
        The array with its dimensions in reverse order and those of length 1 left out: of BART's
        ``1 230 180 8`` it is ``(8, 180, 230)``.

    Raises:
        InputError: a file that cannot be read, a header without sizes, a length that does not fit them, or
            values that are not finite.
    """
    path = Path(path)
    header = path.with_suffix(".hdr")
    try:
        with header.open("rb") as stream:
            text = stream.read(_HEADER).decode()
        held = path.stat().st_size
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {path}: {error}", hint="keep the .hdr file beside the .cfl file"
        ) from error
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    sizes = lines[0].split() if lines else []
    if not sizes or not all(size.isdecimal() and len(size) < 18 and int(size) > 0 for size in sizes):
        raise InputError(f"no sizes in {header}", hint="its second line lists the sizes: 1 230 180 8 1")
    shape = tuple(int(size) for size in reversed(sizes) if int(size) > 1) or (1,)
    if held != 8 * prod(shape):
        raise InputError(
            f"{path} holds {held // 8} numbers, and {header.name} says {' x '.join(sizes)}",
            hint="one of the two files belongs to another array, or is cut off",
        )
    values = np.fromfile(path, dtype="<c8")
    return _finite(path, values.reshape(shape).astype(np.complex64, copy=False))


def read_stack(path: Path | str) -> npt.NDArray[Any]:
    """The grey pages of a TIFF, one for each slice, as they are stored.

    Returns:
        ``(1, slices, height, width)`` as float32, or float64 where the file has 32 bits of integers or 64 of
        floats.

    Raises:
        InputError: a file that is no TIFF, pages of different sizes or with colours, or values that are not
            finite.
    """
    from tifffile import TiffFile

    from invkit.files.tiff import check_pages

    path = Path(path)
    try:
        with TiffFile(path) as file:
            check_pages(path, file)
            values = file.asarray(key=slice(None), maxworkers=1) if len(file.pages) > 1 else file.asarray()
    except InvkitError:
        raise
    except Exception as error:  # a damaged file may raise nearly anything inside a decoder
        raise InputError(
            f"cannot read {path} as a stack: {error}", hint="give a TIFF of grey pages"
        ) from error
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or values.dtype.kind not in "uif":
        raise InputError(
            f"{path} holds {values.dtype} values of shape {values.shape}, expected grey pages of one size",
            hint="save one channel as a stack of its own",
        )
    small = values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
    return _finite(path, values.astype(np.float32 if small else np.float64))[None]


def _finite(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(values).all():
        raise InputError(f"{path} has NaN or infinite values", hint="replace them by finite ones")
    return values
