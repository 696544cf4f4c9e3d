"""FITS images, by astropy: an extra, ``pip install 'invkit[fits]'``.

Rows are in the order of the file (astropy's): the first is the one that viewers of FITS draw at the bottom.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from invkit.errors import InputError
from invkit.files.bounded import check_ratio
from invkit.files.decoded import Decoded, several
from invkit.files.held import File, size_of, source
from invkit.files.npy import checked_size, numbers


def fits_size(path: File) -> tuple[int, int]:
    """Height and width as the header has them.

    Raises:
        InputError: as :func:`read_fits`, but for the numbers.
    """
    with _image(path) as found:
        return checked_size(path, _shape(found))


def read_fits(path: File) -> Decoded:
    """Decode the one image of a FITS file: unsigned integers, or floats in [0, 1].

    Raises:
        InputError: no image or several, another shape, signed integers; or astropy is not installed.
    """
    with _image(path) as found:
        checked_size(path, _shape(found))
        count = math.prod(_shape(found))
        check_ratio("the image", count * abs(int(found.header["BITPIX"])) // 8, size_of(path))
        array = np.asarray(found.data)
    return numbers(path, array[None] if array.ndim == 2 else array)


def _shape(image: Any) -> tuple[int, ...]:
    """The shape of an image's array; a header names the axes in reverse order."""
    return tuple(int(image.header[f"NAXIS{n}"]) for n in range(int(image.header["NAXIS"]), 0, -1))


@contextmanager
def _image(path: File) -> Iterator[Any]:
    """The only image of a file, with its header read and its pixels not."""
    try:
        from astropy.io import fits
    except ImportError as error:
        raise InputError(
            f"reading {path} needs astropy, which is not installed", hint="pip install 'invkit[fits]'"
        ) from error
    with path.open("rb") as stream:
        if not stream.read(10).startswith(b"SIMPLE  ="):  # astropy would unpack an archive, of any size
            raise ValueError("it does not begin as FITS does")
    with fits.open(source(path), memmap=False, lazy_load_hdus=False) as file:
        images = [each for each in file if each.is_image and each.header.get("NAXIS", 0) >= 2]
        if len(images) != 1:
            raise several(path, len(images)) if images else InputError(
                f"no image in {path}", hint="give a FITS file with an image"
            )
        yield images[0]
