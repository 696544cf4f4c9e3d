"""BSDS500's photographs, cut into squares to learn from.

    squares = invkit.dataset("bsds500?size=64,grey=true")
    x = squares.take(torch.arange(4), "train")       # (4, 1, 64, 64), values in [0, 1]

The file is a zip archive with the folders ``train`` (200 photographs) and ``val`` (100), 481 × 321 pixels
each way up. The training squares come from the first and overlap, so that every pixel is seen in several
places; the validation squares come from the second and do not. There is no test split: BSDS500's own is not
in the archive.

Source: P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
IEEE Trans. Pattern Analysis and Machine Intelligence 33(5), 2011.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from invkit.contracts.dataset import data_folder
from invkit.errors import InputError
from invkit_datasets.cache import decoded
from invkit_datasets.decoded import ByteDataset, by_split
from invkit_datasets.sources import Source, contents, crc_of, readable, sources_in

__all__ = ["Bsds500"]

_FILE = "bsds500_train_val.zip"
_HINT = "write bsds500?path=FILE.zip, an archive with the folders train and val"
_SPLITS = {"train": "train", "val": "validation"}
_LONG, _SHORT = 481, 321


class Bsds500(ByteDataset):
    """Squares of photographs, decoded once, when first needed.

    Args:
        path: the archive, or the folder that holds ``bsds500_train_val.zip`` (``~`` is the home folder); by
            default ``$INVKIT_DATA/photographs``.
        size: pixels in height and width of every square, 1 to 321.
        grey: one channel of luma; otherwise three.

    Raises:
        InputError: no such archive, none of its folders, or a size beyond the photographs. A photograph that
            is damaged or of another size is reported when the set is decoded.
    """

    terms = "research, not commercial"

    def __init__(self, path: Path | None = None, size: int = 64, grey: bool = False) -> None:
        place = data_folder("photographs", path)
        file = place / _FILE if place.is_dir() else place
        if not file.is_file():
            raise InputError(f"the data set 'bsds500' lacks {file}", hint=_HINT)
        if not 1 <= size <= _SHORT:
            raise InputError(f"squares cannot have size {size}", hint=f"give 1 to {_SHORT}, e.g. size=64")
        found = sources_in(file, (".jpg",))
        self.sources = [source for source in found if _split(source) is not None]
        if not self.sources:
            raise InputError(f"no photograph in the folders train and val of {file}", hint=_HINT)
        self.size, self.grey = size, grey
        counts = {
            split: len(_corners(_LONG, size, split)) * len(_corners(_SHORT, size, split))
            for split in _SPLITS.values()
        }
        each = [_split(source) or "" for source in self.sources]
        splits = [split for split in each for _ in range(counts[split])]
        super().__init__("bsds500", (1 if grey else 3, size, size), by_split(splits))

    def fingerprint(self) -> str:
        """Return the sha256 of the options, and of every photograph's name and CRC-32."""
        digest = hashlib.sha256(self._options.encode())
        for source in self.sources:
            digest.update(f"\n{source.name} {crc_of(source)}".encode())
        return digest.hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all channels size size"]:
        """Return the squares of all photographs, sorted by name."""
        return self._decoded

    @cached_property
    def _decoded(self) -> UInt8[np.ndarray, "all channels size size"]:
        parts = [self._options, *(source.identity for source in self.sources)]
        total = sum(self.splits.values())
        return decoded("bsds500", parts, total, self.signal_shape, self._squares())

    @property
    def _options(self) -> str:
        return f"bsds500 {self.size} {self.grey}"

    def _squares(self) -> Iterator[UInt8[np.ndarray, "channels size size"]]:
        for source, content in contents(self.sources):
            with readable(str(source)), Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
                sound = sorted(opened.size) == [_SHORT, _LONG]
                picture = np.asarray(opened.convert("L" if self.grey else "RGB")) if sound else None
            if picture is None:
                width, height = opened.size
                raise InputError(f"{source} has {width}×{height} pixels, expected 481×321", hint=_HINT)
            channels = np.moveaxis(np.atleast_3d(picture), -1, 0)
            split = _split(source) or ""
            for top in _corners(picture.shape[0], self.size, split):
                for left in _corners(picture.shape[1], self.size, split):
                    yield np.ascontiguousarray(channels[:, top : top + self.size, left : left + self.size])


def _split(source: Source) -> str | None:
    """The split of a photograph: that of its folder."""
    return next((_SPLITS[folder] for folder in source.name.split("/")[:-1] if folder in _SPLITS), None)


def _corners(length: int, size: int, split: str) -> list[int]:
    """Where the squares begin along an axis, from edge to edge; training squares overlap by a quarter."""
    apart = max(size * 3 // 4, 1) if split == "train" else size
    count = (length - size) // apart + 1
    return np.linspace(0, length - size, count).round().astype(int).tolist() if count > 1 else [0]
