"""Chars74K, the "good" natural images: letters and digits in photographs, 32 × 32 pixels in colour.

    characters = invkit.dataset("chars74k?path=chars74k_good_32.npz")
    x = characters.take(torch.arange(4), "train")    # (4, 3, 32, 32), values in [0, 1]
    characters.labels("train")[:4]                   # classes: 0 to 9 the digits, then the letters

Read is an npz archive with ``X``, uint8 (n, 32, 32, 3), and ``y``, whole numbers (n,). A character's split
follows from a sha256 of its place in the file (about 90 % train, 5 % validation, 5 % test). Which characters
come from one photograph is not recorded, so a sign may have letters in two splits.

Source: T. E. de Campos, B. R. Babu, M. Varma, "Character recognition in natural images", VISAPP 2009.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from invkit.errors import InputError
from invkit_datasets.decoded import ByteDataset
from invkit_datasets.folders import data_folder
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
        place = data_folder("chars74k", None if path is None else Path(path).expanduser())
        self._images, self._classes = _read(place / _FILE if place.is_dir() else place)
        splits = np.array([split_of(f"chars74k {index}") for index in range(len(self._images))], dtype=str)
        numbers = {split: np.flatnonzero(splits == split) for split in ("train", "validation", "test")}
        super().__init__("chars74k", (3, 32, 32), numbers)

    def labels(self, split: str) -> Int64[Tensor, "size"]:
        """Return the class of every character of a split, in the order of its indices."""
        self.check(torch.zeros(0, dtype=torch.int64), split)
        return torch.from_numpy(self._classes[self.numbers[split]])

    def fingerprint(self) -> str:
        """Return the sha256 of the pixels and classes."""
        return hashlib.sha256(self._images.tobytes() + self._classes.tobytes()).hexdigest()

    def rows(self) -> UInt8[np.ndarray, "all 3 32 32"]:
        """Return the characters in the order of the file."""
        return self._images


def _read(file: Path) -> tuple[UInt8[np.ndarray, "n 3 32 32"], np.ndarray]:
    if not file.is_file():
        raise InputError(f"the data set 'chars74k' lacks {file}", hint=_HINT)
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ("X", "y") if key in archive.files}
    except Exception as error:  # a damaged archive may raise nearly anything while numpy parses it
        raise InputError(f"cannot read {file} as an npz archive: {error}", hint=_HINT) from error
    if missing := [key for key in ("X", "y") if key not in arrays]:
        raise InputError(f"{file} lacks the array {' and '.join(missing)}", hint=_HINT)
    images, classes = arrays["X"], arrays["y"]
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
        raise InputError(
            f"X in {file} is {images.dtype} {images.shape}, expected uint8 (n, 32, 32, 3)", hint=_HINT
        )
    if classes.dtype.kind not in "iu" or classes.shape != images.shape[:1]:
        raise InputError(
            f"y in {file} is {classes.dtype} {classes.shape}, expected whole numbers ({len(images)},)",
            hint=_HINT,
        )
    return np.ascontiguousarray(np.moveaxis(images, -1, 1)), classes.astype(np.int64)
