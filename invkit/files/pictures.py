"""Picture files read: float32 arrays, and beside them what a result should keep of the file.

    picture = read_picture("photo.tif")
    picture.pixels                      # (channels, height, width) in [0, 1]
    picture.bits, picture.icc           # 16, and the colour profile
    picture_size("photo.tif")           # (height, width), from the header alone

The decoder follows from the file's first bytes, for npy and FITS from its suffix: :mod:`png`, :mod:`tiff`,
:mod:`npy`, :mod:`fits`, and :mod:`pillow` for JPEG, WebP, BMP and HEIC.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs
import numpy as np
from jaxtyping import Float32

from invkit.errors import InputError, InvkitError
from invkit.files import fits, npy, pillow, png
from invkit.files.decoded import Decoded, unit_range, unreadable
from invkit.files.held import File, Held, size_of

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy"),
    *(".webp", ".bmp", ".heic", ".heif", ".fits", ".fit", ".fts"),
)
"""The file name endings of the pictures that can be read."""

MAX_PIXELS = 100_000_000
"""The most pixels that a picture may have, where no other limit is given."""

# A picture with more than both is refused: large, and of less than a quarter of a bit a pixel.
_FREE_PIXELS, _PIXELS_A_BYTE = 8_000_000, 32

# ITU-R BT.601, the weights of JPEG's own luma and of Pillow's.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32).reshape(3, 1, 1)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FITS = (".fits", ".fit", ".fts")
_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


Result = TypeVar("Result")


@attrs.frozen(eq=False)
class Picture:
    """A picture, and what a picture made of it should keep.

    Args:
        pixels: float32 in [0, 1], (1 or 3, height, width).
        bits: bits a sample in the file: 8, 12, 16; 32 for floats.
        icc: the colour profile, where it fits the channels.
        exif: the EXIF without its orientation, which is applied.
        notes: what of the file was left out, a sentence each.
    """

    pixels: Float32[np.ndarray, "channels height width"]
    bits: int = 8
    icc: bytes | None = attrs.field(default=None, repr=False)
    exif: bytes | None = attrs.field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def written_bits(self) -> int:
        """Bits a sample of a PNG made of it: 16 for more than 8 in the file, else 8."""
        return 16 if self.bits > 8 else 8


def read_picture(
    path: str | os.PathLike[str] | Held, *, grey: bool = False, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Read a picture file with its depth, colour profile and EXIF.

    Args:
        path: a PNG, JPEG, TIFF, WebP, BMP, npy, HEIC or FITS file; the last two with their extras. Or its
            bytes, held in memory.
        grey: reduce colour to one channel of luma (ITU-R BT.601). A colour profile is then left out.
        max_pixels: a file whose header promises more is refused unread.

    Raises:
        InputError: missing, unreadable, damaged, truncated, too large, empty, transparent, many-paged,
            non-finite, out of range, or with numbers whose meaning is unknown.
    """
    path = path if isinstance(path, Held) else Path(path)
    height, width = picture_size(path)
    if height * width > max_pixels:
        raise InputError(
            f"{path} has {width}×{height} pixels, which are more than {max_pixels:,}",
            hint=f"raise the limit (--max-pixels {height * width}) or make the picture smaller",
        )
    held = size_of(path)
    if height * width > max(_FREE_PIXELS, _PIXELS_A_BYTE * held):
        raise InputError(
            f"{path} has {width}×{height} pixels in {held:,} bytes, so few that it is blank or damaged",
            hint="crop it, or make it smaller",
        )
    decoded = _decoding(path, _decoder(path)[1])
    pixels, notes = unit_range(path, decoded), decoded.notes
    if grey and pixels.shape[0] == 3:
        pixels = np.clip((pixels * _LUMA).sum(axis=0, keepdims=True), 0.0, 1.0)
    icc = decoded.icc
    if icc and icc[16:20] != (b"GRAY" if len(pixels) == 1 else b"RGB "):
        icc, notes = None, (*notes, "the colour profile is left out: it is for other channels")
    return Picture(pixels, decoded.bits, icc or None, decoded.exif, notes)


def picture_size(path: str | os.PathLike[str] | Held) -> tuple[int, int]:
    """Height and width of a picture by its header, before any orientation is applied; no pixel is read.

    Raises:
        InputError: missing, of another type, without a sound header, or with several pages.
    """
    path = path if isinstance(path, Held) else Path(path)
    check_file(path)
    size, _ = _decoder(path)
    height, width = _decoding(path, size)
    if not (isinstance(height, int) and isinstance(width, int)):
        raise InputError(f"the header of {path} has no valid size", hint="open and save it again")
    return height, width


def check_file(path: File) -> None:
    """Refuse what is no file with the name of a picture; raises :class:`InputError`."""
    if isinstance(path, Path):
        if not path.exists():
            raise InputError(f"no such file: {path}", hint="check the path")
        if not path.is_file():
            raise InputError(f"not a file: {path}", hint="name an image file")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"cannot read images of type {path.suffix or '(no suffix)'}: {path}",
            hint=f"convert it to one of {', '.join(SUFFIXES)}",
        )


def _decoder(path: File) -> tuple[Callable[[File], tuple[int, int]], Callable[[File], Decoded]]:
    """How to read the header and the whole of a file."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return npy.npy_size, npy.read_npy
    if suffix in _FITS:
        return fits.fits_size, fits.read_fits
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="check its permissions"
        ) from error
    if head.startswith(png.SIGNATURE):
        return png.png_size, png.read_png
    if head.startswith(_TIFF):
        from invkit.files import tiff  # tifffile is imported where there is a TIFF

        return tiff.tiff_size, tiff.read_tiff
    heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF
    formats = ("HEIF",) if heif else ("JPEG", "WEBP", "BMP")

    def size(path: File) -> tuple[int, int]:
        return pillow.pillow_size(path, *formats)

    def read(path: File) -> Decoded:
        return pillow.read_plain(path, *formats)

    return size, read


def _decoding(path: File, decode: Callable[[File], Result]) -> Result:
    """What a decoder makes of a file; whatever it raises becomes an InputError."""
    try:
        return decode(path)
    except InvkitError:
        raise
    except Exception as error:  # a damaged file may raise nearly anything inside a decoder
        raise unreadable(path, error) from error
