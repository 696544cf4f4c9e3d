"""CelebA: 202,599 aligned faces; any part of them will do.

    faces = invkit.dataset("celeba?path=~/data/img_align_celeba.zip")
    x = faces.take(torch.arange(4), "train")         # (4, 3, 64, 64), values in [0, 1]

The files are the publisher's "aligned and cropped" jpgs of 178 × 218 pixels, or the same at half size, under
their official names. The official partition goes by those names: 000001–162770 train, 162771–182637
validation, 182638–202599 test; a split without files is empty. Each picture is cropped to the centred square
of 108/178 of its width, as in the DCGAN paper's faces, and resized with Pillow's bilinear filter, which
averages when it shrinks. The DCGAN code called scipy's imresize, which was the same filter.

Source: Z. Liu, P. Luo, X. Wang, X. Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015;
``list_eval_partition.txt`` of the publisher. The crop: the authors' data of arXiv 1802.04073.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from invkit.contracts.dataset import data_folder
from invkit.errors import InputError
from invkit_datasets.cache import decoded
from invkit_datasets.decoded import ByteDataset, by_split
from invkit_datasets.sources import Source, contents, crc_of, readable, sources_in

__all__ = ["LAST", "CelebA", "decode_face", "partition"]

LAST: Final = {"train": 162_770, "validation": 182_637, "test": 202_599}
"""The number of the last file of each split; the splits follow each other."""

_OFFICIAL = re.compile(r"\d{6}\.jpg", re.IGNORECASE)
_SIDE = 108 / 178  # of the width
_ASPECT = 218 / 178
_WIDEST = 1024  # pixels; the official pictures have 178 or 89

T = TypeVar("T")


class CelebA(ByteDataset):
    """Aligned CelebA faces in colour; decoded once, when first needed (see `invkit_datasets.cache`).

    Args:
        path: a folder of jpgs, a zip archive of them, or a folder of such folders and archives (``~`` is the
            home folder); by default ``$INVKIT_DATA/celeba``. All are united. Where a name is found twice,
            the picture with more pixels is taken, or the first of equal ones.
        size: pixels in height and width of every signal.

    Raises:
        InputError: no pictures, an unofficial name, a truncated archive, a size below 1. A damaged picture
            is reported, with its archive, when the set is decoded.
    """

    terms = "research and education, not commercial; the pictures may not be passed on"

    def __init__(self, path: Path | None = None, size: int = 64) -> None:
        if size < 1:
            raise InputError(f"faces cannot have size {size}", hint="give size=64, say")
        self.size = size
        self._sources = _united(data_folder("celeba", path))
        splits = [partition(int(source.base[:6])) for source in self._sources]
        super().__init__("celeba", (3, size, size), by_split(splits))

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Refuse: the publisher's terms are agreed to by hand."""
        raise InputError(
            "celeba is not downloaded: its publisher (Multimedia Laboratory, the Chinese University of Hong "
            "Kong) gives it for non-commercial research to those who agree to the terms on its page, which "
            "nobody can do for you",
            hint="open mmlab.ie.cuhk.edu.hk/projects/CelebA.html, get img_align_celeba.zip (about 1.4 GB, "
            f"under Align&Cropped Images) and put it, still packed, into {folder}",
        )

    def fingerprint(self) -> str:
        """Return the sha256 of size, names and CRC-32 of the files, the same from a folder or an archive."""
        files = [f"\n{source.base} {crc_of(source)}" for source in self._sources]
        return hashlib.sha256(f"celeba {self.size}{''.join(files)}".encode()).hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all 3 size size"]:
        """Return the decoded faces of all splits, sorted by file name."""
        return self._decoded

    @cached_property
    def _decoded(self) -> UInt8[np.ndarray, "all 3 size size"]:
        parts = ["celeba 108/178 bilinear", str(self.size), *(source.identity for source in self._sources)]
        faces = (decode_face(source, content, self.size) for source, content in contents(self._sources))
        return decoded("celeba", parts, len(self._sources), self.signal_shape, faces)


def partition(number: int) -> str:
    """Return the official split of a file number.

    Raises:
        InputError: it is outside 1 to 202,599.
    """
    for split, last in LAST.items():
        if 1 <= number <= last:
            return split
    raise InputError(f"CelebA has no picture {number:06d}", hint="the official names are 000001 to 202599")


def decode_face(source: Source, content: bytes, size: int) -> UInt8[np.ndarray, "3 size size"]:
    """Return the centred square of 108/178 of the width, resized.

    Raises:
        InputError: a damaged picture, or one without an aligned face's proportions; names it.
    """
    width, height = _opened(source, content, lambda opened: opened.size)
    if abs(height / width - _ASPECT) > 0.02 or width > _WIDEST:
        raise InputError(
            f"{source} has {width} × {height} pixels, an aligned face 178 × 218 or 89 × 109",
            hint="use the Align&Cropped pictures; for others there is images?path=FOLDER",
        )
    picture = _opened(source, content, lambda opened: opened.convert("RGB"))
    left, top = width * (1 - _SIDE) / 2, (height - width * _SIDE) / 2
    box = (left, top, width - left, height - top)
    face = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.moveaxis(np.asarray(face), -1, 0)


def _opened(source: Source, content: bytes, read: Callable[[Image.Image], T]) -> T:
    with readable(f"{source} as a jpg"), Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
        return read(opened)


def _united(folder: Path) -> list[Source]:
    """Return one source for each name, sorted by name."""
    found: dict[str, list[Source]] = {}
    for place in _places(folder):
        for source in sources_in(place, (".jpg",)):
            if not _OFFICIAL.fullmatch(source.base):
                raise InputError(
                    f"{source} has no official CelebA name",
                    hint="the names are 000001.jpg to 202599.jpg; for others there is images?path=FOLDER",
                )
            found.setdefault(source.base.lower(), []).append(source)
    if not found:
        raise InputError(
            f"no CelebA pictures in {folder}",
            hint="put img_align_celeba.zip there, or write celeba?path=FOLDER_OR_ZIP",
        )
    several = (source for same in found.values() if len(same) > 1 for source in same)
    pixels = {
        source: _opened(source, content, lambda opened: opened.width * opened.height)
        for source, content in contents(several)
    }
    return [max(found[name], key=lambda source: pixels.get(source, 0)) for name in sorted(found)]


def _places(path: Path) -> list[Path]:
    """Return the archive itself; or the folder, the archives in it and the folders in it."""
    if not path.is_dir():
        return [path]
    inside = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    return [path, *(p for p in inside if p.is_dir() or p.suffix.lower() == ".zip")]
