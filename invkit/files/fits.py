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
from invkit.files.npy import numbers


def fits_size(path: File) -> tuple[int, int]:
    """Height and width as the header has them."""
    with _image(path) as found:
        return int(found.header["NAXIS2"]), int(found.header["NAXIS1"])


def read_fits(path: File) -> Decoded:
    """Decode the one image of a FITS file: unsigned integers, or floats in [0, 1].

    Raises:
        InputError: no image or several, another shape, signed integers; or astropy is not installed.
    """
    with _image(path) as found:
        count = math.prod(int(found.header[f"NAXIS{n + 1}"]) for n in range(int(found.header["NAXIS"])))
        check_ratio("the image", count * abs(int(found.header["BITPIX"])) // 8, size_of(path))
        array = np.asarray(found.data)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise InputError(
            f"expected (height, width) or (1 or 3, height, width) in {path}, got {array.shape}",
            hint="save one image as a file of its own",
        )
    return numbers(path, array)


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
            raise (
                several(path, len(images))
                if images
                else InputError(f"no image in {path}", hint="give a FITS file with an image")
            )
        yield images[0]
