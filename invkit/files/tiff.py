"""TIFF by its tags: what the numbers mean is read with tifffile and said or refused; never Pillow's guess.

Pillow hands 12-bit, planar, WhiteIsZero and signed numbers over as they happen to lie in the file. So the
tags decide, and the first way decodes that is right for them: tifffile; Pillow, for 8 bits in any compression
and 16 bits in most; tifffile with imagecodecs, for the rest: ``pip install 'invkit[tiff]'``.

Source: TIFF Revision 6.0, Adobe, 1992.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError
from tifffile import TiffFile, TiffPage

from invkit.errors import InputError
from invkit.files.bounded import Inflated, check_ratio
from invkit.files.decoded import Decoded, check_opaque, several, truncated, upright
from invkit.files.held import File, source
from invkit.files.pillow import UnknownRawMode, both_bytes, channels, exif_of, opened, plain

# What tifffile remarks on a file is said by an error, or not at all.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _INK: 4, _YCBCR: 3}
_BY_PILLOW = (_PALETTE, _INK, _YCBCR)
_NO_COMPRESSION, _JPEG, _DEFLATE, _OLD_DEFLATE, _PACKBITS, _LZMA = 1, 7, 8, 32946, 32773, 34925
_WHOLE, _FLOAT = 1, 3
_REDUCED = 1 | 4  # NewSubfileType: a preview, or a mask
_FEW_PAGES, _MOST_PAGES = 100, 20_000  # of a picture, with its previews; of a stack
_SLACK = 1 << 16  # bytes that a strip may have too many
_FAX = (2, 3, 4)
_AS = "save it as 8- or 16-bit grey or RGB, or as npy of floats in [0, 1]"


@attrs.frozen
class Layout:
    """What the tags of a page say of its numbers."""

    photometric: int
    bits: int
    sample: int
    samples: int
    planar: bool
    compression: int

    @property
    def extra(self) -> int:
        """How many samples follow the colours: alpha, or something unknown."""
        return self.samples - _COLOURS[self.photometric]


def tiff_size(path: File) -> tuple[int, int]:
    """Height and width as the header has them, before any orientation is applied."""
    with TiffFile(source(path)) as file:
        page = _only_page(path, file)[1]
        return page.imagelength, page.imagewidth


def read_tiff(path: File) -> Decoded:
    """Decode a TIFF: 1 to 16 bits a sample, or floats in [0, 1]; grey, RGB, palette, CMYK of 8 bits.

    Raises:
        InputError: several pages, missing rows, transparent pixels, or numbers of another meaning.
    """
    with TiffFile(source(path)) as file:
        number, page = _only_page(path, file)
        layout = _layout(path, page)
        check_ratio("the picture", page.nbytes, file.filehandle.size)
        _check_segments(path, page, file.filehandle.size)
        # Bits in the other order, and LZMA, are unpacked by tifffile without a bound.
        foreign = page.fillorder == 2 or layout.compression == _LZMA
        pixels = None if foreign or layout.photometric in _BY_PILLOW else _by_tifffile(page)
        orientation = page.tags.valueof(274, default=1)
        icc = page.tags.valueof(34675)
    if pixels is None:
        return _by_pillow(path, number, layout)
    white = 1.0 if layout.sample == _FLOAT else float(2**layout.bits - 1)
    pixels = _intensities(path, pixels, layout, white)
    exif, notes = _exif(path, number)
    upright_pixels = upright(pixels, orientation if orientation in range(1, 9) else 1)
    return Decoded(upright_pixels, white, layout.bits, icc, exif, notes=notes)


def _only_page(path: File, file: TiffFile) -> tuple[int, TiffPage]:
    """The one picture of a file and its index among the pages; previews do not count."""
    pages = _some_pages(file, _FEW_PAGES)
    if not pages:
        raise ValueError("no page")
    whole = [(number, page) for number, page in enumerate(pages) if not page.subfiletype & _REDUCED]
    planes = [page.imagedepth for _, page in whole]
    if file.is_imagej:  # its stacks have one directory for all planes
        planes.append(int((file.imagej_metadata or {}).get("images", 1)))
    if len(whole) != 1 or max(planes) > 1:
        raise several(path, max(len(whole), *planes, 0) if whole else len(pages))
    return whole[0]


def _layout(path: File, page: TiffPage) -> Layout:
    """What the tags say, where invkit knows what it means."""
    photometric, bits, sample = page.photometric, page.bitspersample, page.sampleformat
    if photometric not in _COLOURS:
        named = getattr(photometric, "name", photometric)
        raise InputError(f"{path} has pixels of the kind {named}, which are no intensities", hint=_AS)
    if not isinstance(bits, int) or not isinstance(sample, int):
        raise InputError(f"{path} has channels of different depths", hint=_AS)
    if sample not in (_WHOLE, _FLOAT):
        raise InputError(
            f"{path} has {getattr(sample, 'name', sample)} pixels of {bits} bits, whose range is unknown",
            hint="save them as npy of floats in [0, 1]",
        )
    if sample == _WHOLE and bits > 16:
        raise InputError(
            f"{path} has integers of {bits} bits, whose range is unknown",
            hint="save them as npy of floats in [0, 1]",
        )
    planar = page.planarconfig == 2 and page.samplesperpixel > 1
    layout = Layout(
        int(photometric), bits, int(sample), page.samplesperpixel, planar, int(page.compression)
    )
    if layout.extra < 0:
        raise InputError(f"{path} has {layout.samples} samples a pixel, too few for its colours", hint=_AS)
    return layout


def check_pages(path: File, file: TiffFile) -> None:
    """Refuse a stack that lacks strips or tiles, or unpacks to far more than the file.

    Raises:
        InputError: missing strips, rows or tiles.
        ValueError: more pages than any stack has, or a page too large for the file.
    """
    size, total = file.filehandle.size, 0
    for page in _some_pages(file, _MOST_PAGES):
        total += page.nbytes
        check_ratio("the stack", total, size)
        _check_segments(path, page, size)


def _some_pages(file: TiffFile, most: int) -> list[TiffPage]:
    """All pages; ValueError where there are more than ``most``."""
    pages = [page.aspage() for page in islice(file.pages, most + 1)]
    if len(pages) > most:
        raise ValueError(f"more than {most} pages")
    return pages


def _check_segments(path: File, page: TiffPage, size: int) -> None:
    """Refuse a page that lacks strips or tiles, or parts of them: decoders would take them for black.

    Args:
        path: the file, for messages.
        page: one of its pages.
        size: bytes of the file.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    across, down = -(-page.imagewidth // _width(page)), -(-page.imagelength // _length(page))
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    expected = across * down * planes
    places = list(zip(offsets, counts, strict=False))
    there = sum(count > 0 and 0 < offset <= size - count for offset, count in places)
    if there < expected:
        raise truncated(path, f"{there} of {expected} strips or tiles")
    stream = page.parent.filehandle
    if page.compression == _JPEG:
        for offset, count in places:
            stream.seek(offset + max(0, count - 4))
            if b"\xff\xd9" not in stream.read(min(4, count)):  # its end; a byte may pad it
                raise truncated(path, "a JPEG in it has no end")
    if page.compression in _FAX:
        raise InputError(
            f"{path} is compressed as a facsimile, in which missing rows do not show", hint=_AS
        )
    unpacked = _UNPACKED.get(int(page.compression))
    if unpacked is None or not isinstance(page.bitspersample, int):
        return
    row = -(-_width(page) * page.bitspersample * (1 if planes > 1 else page.samplesperpixel) // 8)
    last = page.imagelength - (down - 1) * _length(page)
    for number, (offset, count) in enumerate(places[:expected]):
        shortened = not page.is_tiled and number % down == down - 1
        rows = last if shortened else _length(page)
        stream.seek(offset)
        found = unpacked(stream, count, rows * row)
        if found < rows * row:
            raise truncated(path, f"{found // row} of {rows} rows in a strip or tile")
        if found > rows * row + _SLACK:
            raise ValueError(f"a strip or tile of more than {rows} rows")


def _stored(stream: Any, held: int, wanted: int) -> int:
    """Bytes of a strip that is not compressed; more than are wanted may be there."""
    return min(held, wanted)


def _inflated(stream: Any, held: int, wanted: int) -> int:
    """Bytes that a strip of deflate has; no more are counted than matters."""
    reader, there = Inflated(stream, held), 0
    while there <= wanted + _SLACK and (piece := reader.some(wanted + _SLACK + 1 - there)):
        there += len(piece)
    return there


def _unpacked_bits(stream: Any, held: int, wanted: int) -> int:
    """Bytes that a strip of PackBits has: runs, each of a byte that says how long, and literal bytes."""
    content, place, there = stream.read(held), 0, 0
    while place < len(content) and there <= wanted + _SLACK:
        head = content[place]
        literal = min(head + 1, len(content) - place - 1) if head < 128 else 0
        there += literal or (257 - head if head > 128 and place + 1 < len(content) else 0)
        place += 1 + (head + 1 if head < 128 else head > 128)
    return there


#: how many bytes a strip has once it is unpacked, by the compression; other decoders notice what is missing
_UNPACKED: dict[int, Callable[[Any, int, int], int]] = {
    _NO_COMPRESSION: _stored,
    _DEFLATE: _inflated,
    _OLD_DEFLATE: _inflated,
    _PACKBITS: _unpacked_bits,
}


def _width(page: TiffPage) -> int:
    return page.tilewidth if page.is_tiled else page.imagewidth


def _length(page: TiffPage) -> int:
    return page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)


def _by_tifffile(page: TiffPage) -> npt.NDArray[Any] | None:
    """(samples, height, width) as stored; None where tifffile has no decoder without imagecodecs."""
    try:
        values = page.asarray(squeeze=False, maxworkers=1)  # (planes, depth, height, width, samples)
    except Exception as error:
        if isinstance(error, ImportError) or "imagecodecs" in str(error):
            return None
        raise
    values = values.astype(np.uint8) if values.dtype == np.bool_ else values
    planes, _, height, width, samples = values.shape
    return values[:, 0].transpose(0, 3, 1, 2).reshape(planes * samples, height, width)


def _by_pillow(path: File, number: int, layout: Layout) -> Decoded:
    """The picture by Pillow, for the layouts in which Pillow's numbers are right."""
    if layout.photometric == _YCBCR and layout.compression != _JPEG:
        raise InputError(f"{path} has YCbCr pixels that are not compressed as JPEG", hint=_AS)
    if layout.photometric in (_INK, _PALETTE) and (layout.bits > 8 or layout.extra or layout.planar):
        raise InputError(f"{path} has CMYK or a palette in a layout that cannot be read", hint=_AS)
    if layout.planar or layout.sample == _FLOAT:  # Pillow mistakes the byte order of compressed floats
        raise _needs_codecs(path, layout)
    try:
        with opened(path, "TIFF") as picture:
            picture.seek(number)
            if layout.bits <= 8:
                picture.load()
                return attrs.evolve(plain(path, picture), bits=layout.bits)
            deep = layout.bits == 16 and layout.samples > 1
            pixels = both_bytes(path, picture) if deep else None
            picture.load()
            if not deep and not picture.mode.startswith("I;16"):  # there samples are as they are stored
                raise _needs_codecs(path, layout)
            exif, orientation = exif_of(picture)
            icc = picture.info.get("icc_profile")
            pixels = channels(picture) if pixels is None else pixels
    except (UnidentifiedImageError, UnknownRawMode) as error:
        raise _needs_codecs(path, layout) from error
    white = float(2**layout.bits - 1)
    pixels = _intensities(path, pixels, layout, white)
    return Decoded(upright(pixels, orientation), white, layout.bits, icc, exif)


def _intensities(path: File, pixels: npt.NDArray[Any], layout: Layout, white: float) -> npt.NDArray[Any]:
    """The colours alone, with zero for black."""
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if layout.extra:
        check_opaque(path, pixels[-layout.extra :] == white)
        pixels = pixels[: -layout.extra]
    if pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    if layout.photometric == _WHITE_IS_ZERO:
        pixels = np.array(white, pixels.dtype) - pixels
    return pixels


def _exif(path: File, number: int) -> tuple[bytes | None, tuple[str, ...]]:
    """What describes the photograph, and a remark where it cannot be read."""
    try:
        with opened(path, "TIFF") as picture:
            picture.seek(number)
            return exif_of(picture)[0], ()
    except Exception:  # Pillow knows fewer layouts
        return None, ("the EXIF of this kind of TIFF is left out",)


def _needs_codecs(path: File, layout: Layout) -> InputError:
    what = f"{layout.bits}-bit {'floats' if layout.sample == _FLOAT else 'integers'}"
    return InputError(
        f"reading {what} in this layout needs imagecodecs: {path}",
        hint=f"pip install 'invkit[tiff]'; or {_AS}",
    )
