"""Pictures by Pillow: JPEG, WebP, BMP and HEIC, and what PNG and TIFF share with them.

    with opened(path, "JPEG") as picture:          # its header is read, its pixels are not
        decoded = plain(path, picture)

HEIC is an extra: ``pip install 'invkit[heic]'``.
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

from invkit.errors import InputError
from invkit.files.decoded import Decoded, check_opaque, several, upright
from invkit.files.held import File, source

_JPEG, _MOST_SCANS = b"\xff\xd8", 64  # a progressive JPEG has about ten
#: a marker of a JPEG that is neither a byte of the picture nor a restart
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

_ORIENTATION = ExifTags.Base.Orientation
#: tags of a TIFF that describe the photograph and not the file
_DESCRIPTIVE = (
    *(ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime, ExifTags.Base.Artist),
    *(ExifTags.Base.Copyright, ExifTags.Base.ImageDescription, ExifTags.Base.Software),
    *(ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo),
)


class UnknownRawMode(ValueError):
    """Pillow decodes 16-bit colour in a way that is not known to give its high bytes."""


@contextmanager
def opened(path: File, *formats: str) -> Iterator[Image.Image]:
    """A picture of one of these formats, its header read.

    Raises:
        InputError: several pages; or HEIC where pillow-heif is not installed.
    """
    if "HEIF" in formats:
        _register_heif(path)
    # invkit has its own limit, `--max-pixels`, in place of Pillow's.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about metadata; missing pixels are errors
            with Image.open(source(path), formats=formats) as picture:
                pages = getattr(picture, "n_frames", 1)
                # MPO is a phone's JPEG with a preview behind it (JPEG's reader knows): page one is it.
                if pages > 1 and picture.format not in ("MPO", "TIFF"):
                    raise several(path, pages)
                yield picture
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def pillow_size(path: File, *formats: str) -> tuple[int, int]:
    """Height and width as the header has them, before any orientation is applied."""
    with opened(path, *formats) as picture:
        return picture.height, picture.width


def read_plain(path: File, *formats: str) -> Decoded:
    """Decode a picture of 8 bits a sample."""
    content = path.read_bytes() if "JPEG" in formats else b""
    if content.startswith(_JPEG) and _scans(content) > _MOST_SCANS:
        raise ValueError(f"a JPEG of more than {_MOST_SCANS} scans, each of which takes as long as a picture")
    with opened(path, *formats) as picture:
        picture.load()
        return plain(path, picture)


def _scans(content: bytes) -> int:
    """How many scans a JPEG has before its end; counting ends where they are too many."""
    place = scans = 0
    while scans <= _MOST_SCANS and (found := _MARKER.search(content, place)):
        match content[found.start() + 1]:
            case 0xD9:  # the end; what follows is no part of the picture
                break
            case 0xDA:
                scans += 1
        stands_alone = found[0] == _JPEG
        length = 0 if stands_alone else int.from_bytes(content[found.end() : found.end() + 2], "big")
        place = found.end() + length
    return scans


def plain(path: File, picture: Image.Image) -> Decoded:
    """A loaded picture of 8 bits, or of 16 in grey: upright, its palette resolved and its alpha dropped.

    Raises:
        InputError: transparent pixels, or numbers that are no intensities.
    """
    icc, exif = picture.info.get("icc_profile"), exif_of(picture)
    if picture.mode == "P":
        picture = _without_palette(picture)
    elif picture.mode == "PA":
        picture = picture.convert("RGBA")
    elif picture.mode == "CMYK":
        picture, icc = _without_ink(picture, icc), None
    elif picture.mode == "YCbCr":
        picture = picture.convert("RGB")
    if picture.mode in ("LA", "La", "RGBA", "RGBa", "RGBX"):
        pixels = channels(picture)
        check_opaque(path, pixels[-1] == 255)
        pixels = pixels[:-1]
    elif picture.mode in ("1", "L", "RGB"):
        pixels = channels(picture.convert("L") if picture.mode == "1" else picture)
    elif picture.mode.startswith("I;16"):
        return Decoded(upright(channels(picture).astype(np.uint16), exif[1]), 65535.0, 16, icc, exif[0])
    else:
        raise InputError(
            f"cannot read pixels of Pillow's mode {picture.mode} in {path}",
            hint="save it as 8- or 16-bit grey or RGB, or as npy of floats in [0, 1]",
        )
    return Decoded(upright(pixels, exif[1]), 255.0, 8, icc, exif[0])


def channels(picture: Image.Image) -> npt.NDArray[Any]:
    """A picture's numbers as (channels, height, width)."""
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def both_bytes(path: File, picture: Image.Image) -> npt.NDArray[Any]:
    """The samples of a colour picture of 16 bits, (channels, height, width) of uint16.

    Pillow has no mode for them and keeps the high byte of each. What it takes for the high byte follows from
    the byte order of its raw mode, so a picture that is decoded in both orders gives both bytes.

    Args:
        path: the file.
        picture: opened and not loaded.

    Raises:
        UnknownRawMode: Pillow would decode it in another way.
    """
    found = []
    for swap in (False, True):
        with Image.open(source(path), formats=[picture.format or ""]) as again:
            again.seek(picture.tell())
            tiles = again.tile
            again.tile = [_swapped(tile) if swap else tile for tile in tiles]
            again.load()
            found.append(channels(again).astype(np.uint16))
    high, low = found
    return high << 8 | low


_ORDERS = {";16L": ";16B", ";16B": ";16L", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}


def _raw_mode(tile: Any) -> str:
    args = tile.args
    return str(args if isinstance(args, str) else args[0])


def _swapped(tile: Any) -> Any:
    """The same piece of a picture with its samples in the other byte order."""
    raw = _raw_mode(tile)
    if raw[:-4] not in ("RGB", "RGBA") or raw[-4:] not in _ORDERS:
        raise UnknownRawMode(f"Pillow decodes 16-bit colour in the raw mode {raw}")
    other = raw[:-4] + _ORDERS[raw[-4:]]
    return tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))


def exif_of(picture: Image.Image) -> tuple[bytes | None, int]:
    """A loaded picture's EXIF without its orientation, and that orientation; none where it is damaged.

    Of a TIFF, whose tags describe the file as well, what describes the photograph.
    """
    try:
        exif = picture.getexif()
        orientation = exif.pop(_ORIENTATION, 1)
        kept = _descriptive(exif) if picture.format == "TIFF" else exif
        content = kept.tobytes() if len(kept) else None
    except Exception:  # it is a remark on the picture, and may hold anything
        return None, 1
    return content, orientation if orientation in range(1, 9) else 1


def _descriptive(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        value = exif.get_ifd(tag) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else exif.get(tag)
        if value:
            kept[tag] = value
    return kept


def _without_palette(picture: Image.Image) -> Image.Image:
    """Grey where all colours of the palette are, else RGB; RGBA where colours are transparent."""
    if "transparency" in picture.info:
        return picture.convert("RGBA")
    colour = picture.convert("RGB")
    red, green, blue = colour.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else colour


def _without_ink(picture: Image.Image, icc: bytes | None) -> Image.Image:
    """RGB of CMYK: by the embedded profile where there is one, else (1 − ink)(1 − black)."""
    if not icc:
        return picture.convert("RGB")
    inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(picture, inks, screen, outputMode="RGB")
    assert made is not None
    return made


def _register_heif(path: File) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise InputError(
            f"reading {path} needs pillow-heif, which is not installed", hint="pip install 'invkit[heic]'"
        ) from error
    register_heif_opener()
