"""A folder or a zip archive of images as a data set.

    photos = invkit.dataset("images?path=photos,size=64,grey=true")
    x = photos.take(torch.arange(8), "train")       # (8, 1, 64, 64), values in [0, 1]

Each image is cropped to its centred square and resized. An image's split follows from a sha256 of its file
name alone (about 90 % train, 5 % validation, 5 % test), so adding images never moves the others across.
Images are decoded once and kept with 8 bits a pixel (see `invkit_datasets.cache`).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from invkit.errors import InputError
from invkit.files.images import SUFFIXES, read_image
from invkit_datasets.cache import decoded
from invkit_datasets.decoded import ByteDataset, by_split
from invkit_datasets.sources import Source, contents, crc_of, sources_in

__all__ = ["Images", "crop_and_resize", "split_of"]


class Images(ByteDataset):
    """The images of a folder or archive, all brought to one size; decoded once, when first needed.

    Args:
        path: a folder, or a zip archive with all its folders (``~`` is the home folder), of images that
            `invkit deblur` reads.
        size: pixels in height and width of every signal.
        grey: one channel of luma; otherwise three channels, equal ones for a grey image.
        crop: ``square`` for the centred square, or ``none`` for the whole image, stretched to a square.
        recursive: read the folders inside a folder, too.

    Raises:
        InputError: no such place, no image in it, a size below 1. An unreadable image is reported when the
            set is decoded.
    """

    terms = "those of your images"

    def __init__(
        self,
        path: Path,
        size: int = 64,
        grey: bool = False,
        crop: Literal["square", "none"] = "square",
        recursive: bool = False,
    ) -> None:
        place = Path(path).expanduser()
        if not place.exists():
            raise InputError(f"{place} is not a folder or a zip archive", hint="write images?path=FOLDER")
        if size < 1:
            raise InputError(f"images cannot have size {size}", hint="give size=64, say")
        if crop not in ("square", "none"):
            raise InputError(f"images cannot be cropped to {crop!r}", hint="give crop=square or crop=none")
        self.size, self.grey, self.crop = size, grey, crop
        self.sources = sources_in(place, SUFFIXES, recursive=recursive)
        if not self.sources:
            hint = f"images end in {', '.join(SUFFIXES)}; recursive=true looks deeper"
            raise InputError(f"no image in {place}", hint=hint)
        numbers = by_split([split_of(source.base) for source in self.sources])
        super().__init__("images", (1 if grey else 3, size, size), numbers)

    def fingerprint(self) -> str:
        """Return the sha256 of the options, and of every file's name and CRC-32."""
        digest = hashlib.sha256(self._options.encode())
        for source in self.sources:
            digest.update(f"\n{source.name} {crc_of(source)}".encode(errors="surrogatepass"))
        return digest.hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all channels size size"]:
        """Return the decoded images of all splits, sorted by name."""
        return self._decoded

    @cached_property
    def _decoded(self) -> UInt8[np.ndarray, "all channels size size"]:
        parts = [self._options, *(source.identity for source in self.sources)]
        return decoded("images", parts, len(self.sources), self.signal_shape, self._signals())

    @property
    def _options(self) -> str:
        return f"images {self.size} {self.grey} {self.crop}"

    def _signals(self) -> Iterator[UInt8[np.ndarray, "channels size size"]]:
        for source, content in contents(self.sources):
            image = crop_and_resize(_read(source, content, self.grey), self.size, self.crop)
            levels = np.rint(image * 255).astype(np.uint8)
            yield np.ascontiguousarray(np.broadcast_to(levels, self.signal_shape))


def _read(source: Source, content: bytes, grey: bool) -> Float32[np.ndarray, "channels height width"]:
    if source.crc is None:
        return read_image(source.path, grey=grey)
    # The core reads images from files only, so an archive's entry becomes one for the moment.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"entry{Path(source.base).suffix}"
        file.write_bytes(content)
        try:
            return read_image(file, grey=grey)
        except InputError as error:
            raise InputError(error.message.replace(str(file), str(source)), hint=error.hint) from error


def split_of(name: str) -> str:
    """Return the split of a file name: its sha256 modulo 100 is below 90 (train), 95 (validation) or 100."""
    place = int.from_bytes(hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:8], "big") % 100
    return "train" if place < 90 else "validation" if place < 95 else "test"


def crop_and_resize(
    image: Float32[np.ndarray, "channels height width"],
    size: int,
    crop: Literal["square", "none"] = "square",
) -> Float32[np.ndarray, "channels size size"]:
    """Return the centred square of an image, or all of it, resized with Pillow's Lanczos filter.

    The filter averages when it shrinks. Values stay in [0, 1]: the filter's small overshoots are clipped.
    """
    _, height, width = image.shape
    if crop == "square":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[:, top : top + side, left : left + side]
    if image.shape[1:] == (size, size):
        return np.ascontiguousarray(image)
    resized = [Image.fromarray(channel).resize((size, size), Image.Resampling.LANCZOS) for channel in image]
    return np.clip(np.stack([np.asarray(channel) for channel in resized]), 0, 1)
