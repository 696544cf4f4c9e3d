"""Images in and out, as float32 arrays `(channels, height, width)` in [0, 1].

Read are PNG, JPEG, TIFF and npy; written are 8-bit PNG and npy. What a file cannot say unambiguously
(transparent pixels, several pages, floats outside [0, 1]) is refused with the way to mend it, never guessed.

>>> import pathlib, tempfile, numpy as np
>>> path = pathlib.Path(tempfile.mkdtemp()) / "ramp.png"
>>> write_image(path, np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 16, 16))
>>> read_image(path).shape
(1, 16, 16)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32
from PIL import Image, ImageOps

from invkit.errors import InputError, OutputError
from invkit.files.atomic import atomic_write

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
"""The file name endings that `read_image` and `find_images` know."""

# ITU-R BT.601, the weights of JPEG's own luma and of Pillow's.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32).reshape(3, 1, 1)


def read_image(
    path: str | os.PathLike[str], *, grey: bool = False
) -> Float32[np.ndarray, "channels height width"]:
    """Read an image file.

    8-bit values are divided by 255, 16-bit ones by 65535. JPEG's EXIF orientation is applied; palettes are
    resolved; an alpha channel is dropped where it is opaque everywhere. An npy file holds `(height, width)`
    or `(channels, height, width)` of uint8, uint16, bool, or floats in [0, 1]. Colour PNGs of 16 bits a
    channel are read at 8 bits, which is what Pillow can decode.

    Args:
        path: a PNG, JPEG, TIFF or npy file.
        grey: reduce colour to one channel of luma (ITU-R BT.601).

    Returns:
        float32 in [0, 1], one channel (grey) or three (RGB).

    Raises:
        InputError: missing, unreadable, damaged, empty, transparent, many-paged, non-finite, or out of range.
    """
    path = Path(path)
    _check_file(path)
    pixels = _read_npy(path) if path.suffix.lower() == ".npy" else _read_picture(path)
    pixels = _to_unit_range(path, pixels)
    if grey and pixels.shape[0] == 3:
        pixels = (pixels * _LUMA).sum(axis=0, keepdims=True)
    # Luma of white is 1 + an ulp in float32; the range promised is [0, 1] exactly.
    return np.clip(np.ascontiguousarray(pixels, dtype=np.float32), 0.0, 1.0)


def write_image(path: str | os.PathLike[str], array: Any) -> None:
    """Write an image atomically: as an 8-bit PNG, or exactly as float32 npy, by the suffix of `path`.

    Args:
        path: the file to write; `.png` or `.npy`.
        array: `(height, width)` or `(channels, height, width)` with 1 or 3 channels, real, finite; numpy
            array or tensor. For PNG the values are clipped to [0, 1] and rounded to the nearest of 256
            levels.

    Raises:
        OutputError: another suffix, another shape, non-finite values, or a file that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".npy"):
        raise OutputError(
            f"cannot write an image as {path.suffix or 'a file without a suffix'}: {path}",
            hint="name the file .png (8 bit) or .npy (exact)",
        )
    pixels = as_image(array, f"write {path}")
    with atomic_write(path) as stream:
        if suffix == ".npy":
            np.save(stream, pixels.astype(np.float32), allow_pickle=False)
        else:
            to_picture(pixels).save(stream, format="PNG")


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
            found.update(dict.fromkeys(_images_inside(path)))
        else:
            _check_file(path)
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
    levels = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return Image.fromarray(
        levels[0] if levels.shape[0] == 1 else np.ascontiguousarray(np.moveaxis(levels, 0, -1))
    )


def _images_inside(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot list the folder {folder}: {error.strerror}", hint="check its permissions"
        ) from error
    visible = [path for path in entries if path.is_file() and not path.name.startswith(".")]
    images = [path for path in visible if path.suffix.lower() in SUFFIXES]
    if not images:
        raise InputError(f"no image in the folder {folder}", hint=f"images end in {', '.join(SUFFIXES)}")
    return images


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"no such file: {path}", hint="check the path")
    if not path.is_file():
        raise InputError(f"not a file: {path}", hint="name an image file")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"cannot read images of type {path.suffix or '(no suffix)'}: {path}",
            hint=f"convert it to one of {', '.join(SUFFIXES)}",
        )


def _read_npy(path: Path) -> npt.NDArray[Any]:
    """`(channels, height, width)` of the file's own dtype."""
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged header may raise nearly anything while numpy parses it
        raise _unreadable(path, error) from error
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or (array.shape[0] not in (1, 3) and 0 not in array.shape):
        layout = (
            "; move the channels first: np.moveaxis(a, -1, 0)" if array.shape[-1:] in ((1,), (3,)) else ""
        )
        raise InputError(
            f"expected (height, width) or (1 or 3, height, width) in {path}, got {array.shape}",
            hint=f"save one image a file{layout}",
        )
    return np.asarray(array)


def _read_picture(path: Path) -> npt.NDArray[Any]:
    """The pixels of a PNG, JPEG or TIFF as `(channels, height, width)` of uint8, uint16 or float."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as opened:
            pages = getattr(opened, "n_frames", 1)
            # MPO is a phone's JPEG with a preview behind it (JPEG's reader knows): page one is the picture.
            many = pages > 1 and opened.format != "MPO"
            picture: Image.Image = opened if many else ImageOps.exif_transpose(opened)
            if not many:
                picture.load()
    except Exception as error:  # a damaged file may raise nearly anything inside a decoder
        raise _unreadable(path, error) from error
    if many:
        raise InputError(
            f"expected one image in {path}, found {pages} pages", hint="save each page as its own file"
        )
    pixels = np.asarray(_plain(path, picture))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _plain(path: Path, picture: Image.Image) -> Image.Image:
    """Grey, RGB, 16-bit or float: the modes whose numbers are the intensities, without alpha or palette."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.has_transparency_data:
        colour = picture.convert("RGBA")
        if colour.getchannel("A").getextrema()[0] != 255:
            raise InputError(
                f"{path} has transparent pixels, whose intensity is unknown",
                hint="flatten the image onto a background and save it without alpha",
            )
        # LA and a grey image with a transparent colour that no pixel has stay grey.
        return picture.convert("L") if picture.mode in ("LA", "La", "L", "1") else colour.convert("RGB")
    if picture.mode == "P":
        colour = picture.convert("RGB")
        red, green, blue = colour.split()
        return red if red.tobytes() == green.tobytes() == blue.tobytes() else colour
    if picture.mode in ("L", "RGB", "F") or picture.mode.startswith("I;16"):
        return picture
    if picture.mode in ("CMYK", "YCbCr", "RGBX"):
        return picture.convert("RGB")
    raise InputError(
        f"cannot read pixels of Pillow's mode {picture.mode} in {path}",
        hint="save it as 8- or 16-bit grey, 8-bit RGB, or npy",
    )


def _to_unit_range(path: Path, pixels: npt.NDArray[Any]) -> Float32[np.ndarray, "channels height width"]:
    """Intensities as float32 in [0, 1]: integers by their range, floats as they are, checked."""
    if 0 in pixels.shape:
        raise InputError(f"the image {path} is empty: shape {pixels.shape}", hint="give an image with pixels")
    if pixels.dtype == np.bool_:
        return pixels.astype(np.float32)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return (pixels / float(np.iinfo(pixels.dtype).max)).astype(np.float32)
    if pixels.dtype.kind != "f":
        raise InputError(
            f"expected uint8, uint16 or floating pixels in {path}, got {pixels.dtype}",
            hint="convert it to floats in [0, 1]",
        )
    if not np.isfinite(pixels).all():
        count = int(pixels.size - np.isfinite(pixels).sum())
        raise InputError(
            f"{count} NaN or infinite pixels in {path}", hint="replace them by finite values in [0, 1]"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0.0 or high > 1.0:
        raise InputError(
            f"expected floating pixels in [0, 1] in {path}, got [{low:.4g}, {high:.4g}]",
            hint="divide by the largest value the camera gives (255?), or clip",
        )
    return pixels.astype(np.float32)


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return InputError(
        f"cannot read {path} as an image: {reason}",
        hint="the file may be damaged or of another type; open and save it again",
    )
