"""Images in and out, as float32 arrays `(channels, height, width)` in [0, 1].

Read are PNG, JPEG, TIFF, WebP, BMP and npy, with extras HEIC and FITS (:mod:`invkit.files.pictures`); written
are PNG of 8 or 16 bits and npy. What a file cannot say unambiguously (transparent pixels, several pages,
floats outside [0, 1]) is refused with the way to mend it, never guessed.

>>> import pathlib, tempfile, numpy as np
>>> path = pathlib.Path(tempfile.mkdtemp()) / "ramp.png"
>>> write_image(path, np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 16, 16))
>>> read_image(path).shape
(1, 16, 16)
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32
from PIL import Image

from invkit.errors import InputError, OutputError
from invkit.files.archives import ARCHIVES
from invkit.files.atomic import atomic_write
from invkit.files.pictures import MAX_PIXELS, SUFFIXES, check_file, read_picture
from invkit.files.png import write_png

__all__ = [
    "SUFFIXES",
    "as_image",
    "find_images",
    "names_of_images",
    "npy_bytes",
    "png_bytes",
    "read_image",
    "skipped",
    "to_picture",
    "write_image",
]


def read_image(
    path: str | os.PathLike[str], *, grey: bool = False, max_pixels: int = MAX_PIXELS
) -> Float32[np.ndarray, "channels height width"]:
    """Read an image file.

    Integers are divided by the largest number of their bits. The orientation that EXIF or TIFF asks for is
    applied; palettes are resolved; an alpha channel is dropped where it is opaque everywhere. An npy file
    holds `(height, width)` or `(channels, height, width)` of uint8, uint16, bool, or floats in [0, 1].

    Args:
        path: a PNG, JPEG, TIFF, WebP, BMP, npy, HEIC or FITS file; the last two with their extras.
        grey: reduce colour to one channel of luma (ITU-R BT.601).
        max_pixels: a file whose header promises more is refused unread.

    Returns:
        float32 in [0, 1], one channel (grey) or three (RGB).

    Raises:
        InputError: missing, unreadable, damaged, truncated, too large, empty, transparent, many-paged,
            non-finite, out of range, or with numbers whose meaning is unknown.
    """
    return read_picture(path, grey=grey, max_pixels=max_pixels).pixels


def write_image(
    path: str | os.PathLike[str],
    array: Any,
    *,
    bits: Literal[8, 16] = 8,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Write an image atomically: as a PNG, or exactly as float32 npy, by the suffix of `path`.

    Args:
        path: the file to write; `.png` or `.npy`.
        array: `(height, width)` or `(channels, height, width)` with 1 or 3 channels, real, finite; numpy
            array or tensor. For PNG the values are clipped to [0, 1] and rounded to the nearest level.
        bits: bits a sample of a PNG: 256 or 65536 levels.
        icc: the colour profile of a PNG.
        exif: the EXIF of a PNG.

    Raises:
        OutputError: another suffix, another shape, non-finite values, or a file that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".npy"):
        raise OutputError(
            f"cannot write an image as {path.suffix or 'a file without a suffix'}: {path}",
            hint="name the file .png (8 or 16 bit) or .npy (exact)",
        )
    pixels = as_image(array, f"write {path}")
    made = npy_bytes(pixels) if suffix == ".npy" else png_bytes(pixels, bits=bits, icc=icc, exif=exif)
    with atomic_write(path) as stream:
        stream.write(made)


def png_bytes(
    array: Any, *, bits: Literal[8, 16] = 8, icc: bytes | None = None, exif: bytes | None = None
) -> bytes:
    """A PNG file of an image; see :func:`write_image`."""
    stream = io.BytesIO()
    write_png(stream, _levels(as_image(array, "write a PNG"), bits), icc, exif)
    return stream.getvalue()


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """An npy file of an array, as float32."""
    stream = io.BytesIO()
    np.save(stream, array.astype(np.float32), allow_pickle=False)
    return stream.getvalue()


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The image files that a list of files and folders names.

    Files are kept in the order given; a folder stands for the images directly inside it, sorted by name,
    hidden files left out. A file named twice is listed once. Every path exists and has a known suffix.

    Raises:
        InputError: a path is missing, is a file of another kind, or a folder holds no image; or no path was
            given.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            found.update(dict.fromkeys(path / name for name in names_of_images(path)))
        else:
            check_file(path)
            found[path] = None
    if not found:
        raise InputError("no image was given", hint="name an image file or a folder of images")
    return list(found)


def as_image(array: Any, purpose: str) -> npt.NDArray[np.float32]:
    """An image to be shown, as a finite float32 array `(1 or 3, height, width)`.

    Args:
        array: an array, tensor (of any device, with or without gradient) or nested list, `(height, width)` or
            `(1 or 3, height, width)`.
        purpose: the image's use, for the message: "write a.png".

    Raises:
        OutputError: complex numbers, another shape, or values that are not finite.
    """
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    values = np.asarray(array)
    if values.dtype.kind not in "buif":
        raise OutputError(f"expected real numbers, got an array of {values.dtype}", hint="take the real part")
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused as such
        values = values.astype(np.float32)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[0] not in (1, 3) or 0 in values.shape:
        raise OutputError(
            f"cannot {purpose}: an array of shape {values.shape} is no image",
            hint="give (height, width) or (channels, height, width) with 1 or 3 channels",
        )
    if not np.isfinite(values).all():
        raise OutputError(f"cannot {purpose}: NaN or infinite values", hint="leave diverged results out")
    return values


def to_picture(pixels: npt.NDArray[Any]) -> Image.Image:
    """A Pillow image of 8 bits from `(1 or 3, height, width)` in [0, 1] (clipped, rounded)."""
    levels = _levels(pixels, 8)
    return Image.fromarray(
        levels[0] if levels.shape[0] == 1 else np.ascontiguousarray(np.moveaxis(levels, 0, -1))
    )


def skipped(paths: Iterable[str | os.PathLike[str]]) -> dict[Path, str]:
    """What is passed over in the folders of a list, and why; hidden files are not mentioned.

    Archives are read in a folder without images, and passed over beside them.
    """
    found = {}
    for folder in filter(Path.is_dir, map(Path, paths)):
        names = _visible(folder)
        taken = () if any(_suffix(name) in SUFFIXES for name in names) else ARCHIVES
        for name in names:
            path = folder / name
            if not path.is_file():
                found[path] = "a folder" if path.is_dir() else "no file"
            elif _suffix(name) not in (*SUFFIXES, *taken):
                found[path] = f"no image ({path.suffix or 'no suffix'})"
    return found


def _levels(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """[0, 1] in whole levels (clipped, rounded)."""
    kind = np.uint8 if bits == 8 else np.uint16
    levels: npt.NDArray[Any] = np.rint(np.clip(pixels, 0.0, 1.0) * float(np.iinfo(kind).max)).astype(kind)
    return levels


def names_of_images(folder: Path) -> list[str]:
    """The names of the images directly inside a folder, sorted, hidden files left out.

    Raises:
        InputError: it cannot be listed, or holds no image.
    """
    names = [name for name in _visible(folder) if _suffix(name) in SUFFIXES and (folder / name).is_file()]
    if not names:
        raise InputError(f"no image in the folder {folder}", hint=f"images end in {', '.join(SUFFIXES)}")
    return names


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _visible(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise InputError(
            f"cannot list the folder {folder}: {error.strerror}", hint="check its permissions"
        ) from error
    return sorted(name for name in names if not name.startswith("."))
