"""PNG of every depth: read by Pillow with what Pillow leaves out, written with 8 or 16 bits.

Pillow knows no 16-bit colour, compares transparent colours with samples that it has rescaled already, and
takes missing rows for black. The header, the transparent colour and the number of rows are seen to here.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import attrs
import numpy as np
import numpy.typing as npt
from PIL import Image

from invkit.files.decoded import Decoded, check_opaque, truncated, upright
from invkit.files.held import File, size_of, source
from invkit.files.pillow import both_bytes, channels, exif_of, opened, plain

SIGNATURE = b"\x89PNG\r\n\x1a\n"

COMPRESSION = zlib.Z_RLE
"""How PNG is compressed: four times as fast as by default, and photographs take no more bytes."""

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
#: Adam7: column and row of each pass's first pixel, and the steps between its pixels
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@attrs.frozen
class Header:
    """What the IHDR chunk says."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @classmethod
    def read(cls, stream: IO[bytes]) -> Header:
        """The header of a stream at its beginning; ValueError where it is no PNG's."""
        head = stream.read(29)
        if len(head) < 29 or not head.startswith(SIGNATURE) or head[12:16] != b"IHDR":
            raise ValueError("a PNG without its header")
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head[16:])
        if colour not in _SAMPLES:
            raise ValueError(f"a PNG of colour type {colour}")
        return cls(width, height, depth, colour, bool(interlaced))

    @property
    def length(self) -> int:
        """Bytes of all rows, each with the byte of its filter."""
        bits = self.depth * _SAMPLES[self.colour]
        passes = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, across, down in passes:
            width, height = -(-(self.width - left) // across), -(-(self.height - top) // down)
            total += height * (1 + -(-width * bits // 8)) if width > 0 and height > 0 else 0
        return total


def png_size(path: File) -> tuple[int, int]:
    """Height and width as the header has them."""
    header = _header(path)
    return header.height, header.width


def read_png(path: File) -> Decoded:
    """Decode a PNG of 1 to 16 bits a sample.

    Raises:
        InputError: transparent pixels, missing rows, or an animation.
    """
    header = _header(path)
    with opened(path, "PNG") as picture:
        pixels = both_bytes(path, picture) if header.depth == 16 and header.colour in (_RGB, _RGBA) else None
        if header.depth == 16 and header.colour == _GREY_ALPHA:
            pixels = _grey_and_alpha(path)
        picture.load()
        _check_rows(path, header)
        if header.colour == _PALETTE:
            return attrs.evolve(plain(path, picture), scaled=True)
        exif, orientation = exif_of(picture)
        icc, key = picture.info.get("icc_profile"), picture.info.get("transparency")
        if pixels is None:
            pixels = channels(picture.convert("L") if picture.mode == "1" else picture)
    white = 65535 if header.depth == 16 else 255
    if header.colour in (_GREY_ALPHA, _RGBA):
        check_opaque(path, pixels[-1] == white)
        pixels = pixels[:-1]
    elif key is not None:
        _check_key(path, pixels, key, header)
    return Decoded(upright(pixels, orientation), float(white), header.depth, icc, exif, scaled=True)


def write_png(
    stream: io.BytesIO, levels: npt.NDArray[Any], icc: bytes | None = None, exif: bytes | None = None
) -> None:
    """Write uint8 or uint16 levels, (1 or 3, height, width), with a colour profile and EXIF."""
    rows = np.ascontiguousarray(np.moveaxis(levels, 0, -1))
    if levels.dtype == np.uint8:
        more = {key: value for key, value in (("icc_profile", icc), ("exif", exif)) if value}
        picture = Image.fromarray(rows[..., 0] if len(levels) == 1 else rows)
        picture.save(stream, format="PNG", compress_type=COMPRESSION, **more)
        return
    height, width, samples = rows.shape
    data = rows.astype(">u2").view(np.uint8).reshape(height, -1)
    data[1:] = data[1:] - data[:-1].copy()  # the filter Up: bytes less those of the row above
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), data], axis=1)
    stream.write(SIGNATURE)
    colour = _GREY if samples == 1 else _RGB
    stream.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)))
    if icc:
        stream.write(_chunk(b"iCCP", b"profile\0\0" + zlib.compress(icc)))
    if exif:
        stream.write(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    deflate = zlib.compressobj(strategy=COMPRESSION)
    stream.write(_chunk(b"IDAT", deflate.compress(filtered.tobytes()) + deflate.flush()))
    stream.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _grey_and_alpha(path: File) -> npt.NDArray[Any]:
    """The samples of 16-bit grey with alpha, whose four bytes a pixel are decoded as if they were RGBA."""
    with Image.open(source(path), formats=["PNG"]) as again:
        again.tile = [tile._replace(args="RGBA") for tile in again.tile]
        again.load()
        high_grey, low_grey, high_alpha, low_alpha = channels(again).astype(np.uint16)
    return np.stack([high_grey << 8 | low_grey, high_alpha << 8 | low_alpha])


def _check_key(path: File, pixels: npt.NDArray[Any], key: Any, header: Header) -> None:
    """Refuse a picture that has the colour which its file declares transparent."""
    most = 2**header.depth - 1
    scale = 255 // most if header.depth < 8 else 1  # Pillow has spread the samples over 8 bits
    colour = np.array([(each & most) * scale for each in (key if isinstance(key, tuple) else (key,))])
    hidden = (pixels == colour.reshape(-1, 1, 1)).all(axis=0)
    check_opaque(path, ~hidden)


def _check_rows(path: File, header: Header) -> None:
    """Refuse a picture whose compressed rows end before its last: Pillow would take them for black."""
    inflate, there = zlib.decompressobj(), 0
    for body in _image_data(path):
        while body and not inflate.eof and there < header.length:
            there += len(inflate.decompress(body, 1 << 20))
            body = inflate.unconsumed_tail
    if there < header.length:
        raise truncated(path, f"{there} of {header.length} bytes of pixels")


def _header(path: File) -> Header:
    """The header of a file whose chunks all lie inside it: Pillow allocates what their lengths say."""
    with path.open("rb") as stream:
        header, size = Header.read(stream), size_of(path)
        for kind, length in _chunks(stream):
            if stream.tell() + length > size:
                raise truncated(path, f"inside {kind!r}")
    return header


def _image_data(path: File) -> Iterator[bytes]:
    """The bodies of the IDAT chunks."""
    with path.open("rb") as stream:
        for kind, length in _chunks(stream):
            if kind == b"IDAT":
                yield stream.read(length)


def _chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Kind and length of every chunk; the stream stands at its body meanwhile."""
    place = len(SIGNATURE)
    stream.seek(place)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        if kind == b"IEND":
            break
        place += 12 + length
        stream.seek(place)
