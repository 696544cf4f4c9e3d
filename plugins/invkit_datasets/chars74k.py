"""Chars74K, the "good" natural images: letters and digits in photographs, 32 × 32 pixels in colour.

    characters = invkit.dataset("chars74k?path=chars74k_good_32.npz")
    x = characters.take(torch.arange(4), "train")    # (4, 3, 32, 32), values in [0, 1]
    characters.labels("train")[:4]                   # classes: 0 to 9 the digits, then the letters

The file is an npz archive with ``X``, uint8 (n, 32, 32, 3), and ``y``, whole numbers (n,). A sha256 of a
character's place in the file decides its split (about 90 % train, 5 % validation, 5 % test). The file does
not record which characters come from one photograph, so a sign may have letters in two splits.

Source: T. E. de Campos, B. R. Babu, M. Varma, "Character recognition in natural images", VISAPP 2009.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from invkit.contracts.dataset import data_folder
from invkit.errors import InputError
from invkit.files.arrays import read_arrays
from invkit_datasets.decoded import ByteDataset, by_split
from invkit_datasets.images import split_of

__all__ = ["Chars74k"]

_FILE = "chars74k_good_32.npz"
_HINT = "fetch the file again, or write chars74k?path=FILE.npz with X (n, 32, 32, 3) and y (n,)"


class Chars74k(ByteDataset):
    """Characters from an npz archive, which is read at once (18 MB).

    Args:
        path: the archive, or the folder that holds ``chars74k_good_32.npz`` (``~`` is the home folder); by
            default ``$INVKIT_DATA/chars74k``.

    Raises:
        InputError: no such file, a damaged one, ``X`` or ``y`` missing or of another shape or type.
    """

    terms = "research; see the publisher's page"

    def __init__(self, path: Path | None = None) -> None:
        place = data_folder("chars74k", path)
        self._images, self._classes = _read(place / _FILE if place.is_dir() else place)
        splits = [split_of(f"chars74k {index}") for index in range(len(self._images))]
        super().__init__("chars74k", (3, 32, 32), by_split(splits))

    def fingerprint(self) -> str:
        """Return the sha256 of the pixels and classes."""
        return hashlib.sha256(self._images.tobytes() + self._classes.tobytes()).hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all 3 32 32"]:
        """Return the characters of all splits in the order of the file."""
        return self._images

    def classes(self, split: str) -> Int64[np.ndarray, "all"]:
        return self._classes


def _read(file: Path) -> tuple[UInt8[np.ndarray, "n 3 32 32"], Int64[np.ndarray, "n"]]:
    if not file.is_file():
        raise InputError(f"the data set 'chars74k' lacks {file}", hint=_HINT)
    arrays = read_arrays(file, ("X", "y"))
    if missing := [key for key in ("X", "y") if key not in arrays]:
        raise InputError(f"{file} lacks the array {' and '.join(missing)}", hint=_HINT)
    images, classes = arrays["X"], arrays["y"]
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
        found, expected = f"X in {file} is {images.dtype} {images.shape}", "uint8 (n, 32, 32, 3)"
        raise InputError(f"{found}, expected {expected}", hint=_HINT)
    if classes.dtype.kind not in "iu" or classes.shape != images.shape[:1]:
        found, expected = f"y in {file} is {classes.dtype} {classes.shape}", f"whole numbers ({len(images)},)"
        raise InputError(f"{found}, expected {expected}", hint=_HINT)
    return np.ascontiguousarray(np.moveaxis(images, -1, 1)), classes.astype(np.int64)
