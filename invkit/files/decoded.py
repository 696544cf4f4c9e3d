"""What a decoder found in a picture file: its numbers, and what they mean.

    decoded = Decoded(levels, white=4095.0, bits=12)       # 12-bit grey, (1, height, width)
    unit_range("a.tif", decoded)                           # float32 in [0, 1]

One decoder a format (:mod:`png`, :mod:`tiff`, :mod:`npy`, :mod:`fits`, :mod:`pillow` for the others) gives
this record. Whatever a file cannot say unambiguously is refused here or there, never guessed.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from jaxtyping import Float32

from invkit.errors import InputError
from invkit.files.held import File

#: floats this far outside [0, 1] are rounding, or the overshoot of a picture that was restored
_OVERSHOOT = 1 / 16


@attrs.frozen(eq=False)
class Decoded:
    """The numbers of a picture as its file has them, upright, without alpha or palette.

    Args:
        pixels: (1 or 3, height, width) of unsigned integers, booleans or floats.
        white: the number that stands for full intensity; zero stands for none.
        bits: bits a sample in the file.
        icc: the embedded colour profile.
        exif: the embedded EXIF without its orientation.
        scaled: whether the format itself says that integers span their whole range.
        notes: what of the file was left out, for a record.
    """

    pixels: npt.NDArray[Any]
    white: float
    bits: int
    icc: bytes | None = None
    exif: bytes | None = None
    scaled: bool = False
    notes: tuple[str, ...] = ()


def unit_range(path: File, decoded: Decoded) -> Float32[np.ndarray, "channels height width"]:
    """The intensities in [0, 1]: integers divided by their range, floats checked and clipped.

    Raises:
        InputError: no pixels, NaN or infinite ones, floats far outside [0, 1], or integers that seem to have
            another range than their type.
    """
    pixels = decoded.pixels
    if 0 in pixels.shape:
        raise InputError(f"the image {path} is empty: shape {pixels.shape}", hint="give an image with pixels")
    if pixels.dtype.kind == "f":
        _check_floats(path, pixels)
    elif pixels.dtype == np.uint16 and decoded.bits == 16 and not decoded.scaled:
        _check_range(path, int(pixels.max()))
    values = np.empty(pixels.shape, np.float32)
    for plane, made in zip(pixels, values, strict=True):  # one at a time: large pictures fill the memory
        numbers = plane.astype(np.float32) if plane.dtype.itemsize < 2 else plane
        kind = numbers.dtype if numbers.dtype.kind == "f" else np.float64
        divided = numbers / np.array(decoded.white, kind)
        # White may be 1 + an ulp after rounding; the range promised is [0, 1] exactly.
        np.clip(divided, 0.0, 1.0, out=made, casting="same_kind")
    return values


def check_opaque(path: File, opaque: npt.NDArray[np.bool_]) -> None:
    """Refuse a picture that is not opaque everywhere."""
    if not opaque.all():
        raise InputError(
            f"{path} has transparent pixels, whose intensity is unknown",
            hint="flatten the image onto a background and save it without alpha",
        )


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """(channels, height, width) as it is to be seen, by the orientation tag of TIFF and EXIF (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(1, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, :, ::-1]
    return pixels


def unreadable(path: File, error: Exception) -> InputError:
    """The error that says that a decoder failed, and at what."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return InputError(
        f"cannot read {path} as an image: {reason}",
        hint="the file may be damaged or of another type; open and save it again",
    )


def truncated(path: File, there: str) -> InputError:
    """The error that says that a file ends too early."""
    return InputError(
        f"cannot read {path} as an image: it is truncated ({there})", hint="copy or export the file again"
    )


def several(path: File, pages: int) -> InputError:
    """The error that says that a file holds several pictures."""
    return InputError(
        f"expected one image in {path}, found {pages} pages", hint="save each page as its own file"
    )


def _check_floats(path: File, pixels: npt.NDArray[Any]) -> None:
    if not np.isfinite(pixels).all():
        count = int(pixels.size - np.isfinite(pixels).sum())
        raise InputError(
            f"{count} NaN or infinite pixels in {path}", hint="replace them by finite values in [0, 1]"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < -_OVERSHOOT or high > 1.0 + _OVERSHOOT:
        raise InputError(
            f"expected floating pixels in [0, 1] in {path}, got [{low:.4g}, {high:.4g}]",
            hint="divide by the largest value the camera gives (255?), or clip",
        )


def _check_range(path: File, top: int) -> None:
    """Refuse 16-bit integers that look like those of a camera of 10, 12 or 14 bits: 16 times too dark."""
    if 0 < top < 4096 or top == 16383:
        bits = max(8, top.bit_length() + top.bit_length() % 2)
        raise InputError(
            f"the 16-bit pixels of {path} end at {top}: they may be {bits}-bit numbers, which 16 bits would "
            f"make too dark",
            hint=f"save them as npy of floats, divided by {2**bits - 1}; or by 65535, if it is that dark",
        )
