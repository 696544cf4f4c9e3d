"""CelebA: 202,599 aligned faces, of which a part is enough.

    faces = invkit.dataset("celeba?path=~/data/img_align_celeba.zip")
    x = faces.take(torch.arange(4), "train")         # (4, 3, 64, 64), values in [0, 1]

The files are the publisher's "aligned and cropped" jpgs of 178 × 218 pixels, or the same at half size, under
their official names. The official partition goes by those names: 000001–162770 train, 162771–182637
validation, 182638–202599 test; a split of which no file is here is empty. Of each picture the centred square
of 108/178 of its width is kept, as in the DCGAN paper's faces, and resized with Pillow's bilinear filter,
which averages when it shrinks; scipy's imresize, which the DCGAN code called, was the same filter.

Source: Z. Liu, P. Luo, X. Wang, X. Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015;
``list_eval_partition.txt`` of the publisher. The crop: the authors' data of arXiv 1802.04073.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from invkit.errors import InputError
from invkit_datasets.cache import cache_key, decoded
from invkit_datasets.decoded import ByteDataset
from invkit_datasets.folders import data_folder
from invkit_datasets.sources import Source, contents, crc_of, sources_in

__all__ = ["LAST", "CelebA", "decode_face", "partition"]

LAST: Final = {"train": 162_770, "validation": 182_637, "test": 202_599}
"""The number of the last file of each split; the splits follow each other."""

_OFFICIAL = re.compile(r"\d{6}\.jpg", re.IGNORECASE)
_SIDE = 108 / 178  # of the width
_ASPECT = 218 / 178


class CelebA(ByteDataset):
    """Aligned CelebA faces in colour; decoded once, when first needed (see `invkit_datasets.cache`).

    Args:
        path: a folder of jpgs, a zip archive of them, or a folder of such folders and archives (``~`` is the
            home folder); by default ``$INVKIT_DATA/celeba``. All are united; of a name found twice the
            picture of more pixels is taken, or the first found where they are equal.
        size: pixels in height and width of every signal.

    Raises:
        InputError: nothing there, a name that is not official, a truncated archive, a size below 1. A damaged
            picture is reported, with its archive, when the set is decoded.
    """

    terms = "research and education, not commercial; the pictures may not be passed on"

    def __init__(self, path: Path | None = None, size: int = 64) -> None:
        if size < 1:
            raise InputError(f"faces cannot have size {size}", hint="give size=64, say")
        self.size = size
        folder = data_folder("celeba", None if path is None else Path(path).expanduser())
        self._sources = _united(folder)
        places: dict[str, list[int]] = {split: [] for split in LAST}
        for row, source in enumerate(self._sources):
            places[partition(int(source.base[:6]))].append(row)
        numbers = {split: np.array(rows, dtype=np.int64) for split, rows in places.items()}
        super().__init__("celeba", (3, size, size), numbers)

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
        digest = hashlib.sha256(f"celeba {self.size}".encode())
        for source in self._sources:
            digest.update(f"\n{source.base} {crc_of(source)}".encode())
        return digest.hexdigest()

    def rows(self) -> UInt8[np.ndarray, "all 3 size size"]:
        """Return the decoded faces, sorted by file name."""
        parts = [f"{source.path.resolve()} {source.name} {source.stamp}" for source in self._sources]
        return decoded(
            "celeba",
            cache_key(["celeba 108/178 bilinear", str(self.size), *parts]),
            len(self._sources),
            (3, self.size, self.size),
            (decode_face(source, content, self.size) for source, content in contents(self._sources)),
        )


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
        InputError: a damaged picture, or one that is no aligned face by its proportions; naming it.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
            picture = opened.convert("RGB")
    except Exception as error:  # a damaged file may raise nearly anything inside a decoder
        raise InputError(f"cannot read {source} as a jpg: {error}", hint="fetch the file again") from error
    width, height = picture.size
    if abs(height / width - _ASPECT) > 0.02:
        raise InputError(
            f"{source} has {width} × {height} pixels, an aligned face 178 × 218 or 89 × 109",
            hint="use the Align&Cropped pictures; for others there is images?path=FOLDER",
        )
    left, top = width * (1 - _SIDE) / 2, (height - width * _SIDE) / 2
    box = (left, top, width - left, height - top)
    face = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.moveaxis(np.asarray(face), -1, 0)


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
    pixels = {
        source: _pixels(source, content)
        for source, content in contents(s for same in found.values() if len(same) > 1 for s in same)
    }
    return [max(found[name], key=lambda source: pixels.get(source, 0)) for name in sorted(found)]


def _places(path: Path) -> list[Path]:
    """Return the archive itself; or the folder, the archives in it and the folders in it."""
    if not path.is_dir():
        return [path]
    inside = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    return [path, *(p for p in inside if p.is_dir() or p.suffix.lower() == ".zip")]


def _pixels(source: Source, content: bytes) -> int:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
            return opened.width * opened.height
    except Exception as error:  # as above
        raise InputError(f"cannot read {source} as a jpg: {error}", hint="fetch the file again") from error
