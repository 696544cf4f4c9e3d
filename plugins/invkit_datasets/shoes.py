"""Shoes: pictures of a shop on a white background, 64 × 64 pixels in colour, toe to the left.

    shoes = invkit.dataset("shoes?path=myntra_shoes_64.npz")
    x = shoes.take(torch.arange(4), "train")         # (4, 3, 64, 64), values in [0, 1]

The file is an npz archive with ``x``, uint8 (n, 64, 64, 3), and ``product_id``, whole numbers (n,).

Splits: products numbered alike are often one shoe in several colours, so each hundred of numbers is in one
split: of ten hundreds one is validation (…900 to …999), the others are train.

Source: Fashion Product Images, photographs of the shop Myntra.
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

__all__ = ["Shoes"]

_FILE = "myntra_shoes_64.npz"
_HINT = "write shoes?path=FILE.npz with x (n, 64, 64, 3) and product_id (n,)"


class Shoes(ByteDataset):
    """Shoes from an npz archive, which is read at once (26 MB).

    Args:
        path: the archive, or the folder that holds ``myntra_shoes_64.npz`` (``~`` is the home folder); by
            default ``$INVKIT_DATA/shoes``.

    Raises:
        InputError: no such file, a damaged one, ``x`` or ``product_id`` missing or of another shape or type.
    """

    terms = "research, not commercial"

    def __init__(self, path: Path | None = None) -> None:
        place = data_folder("shoes", path)
        self._pictures, products = _read(place / _FILE if place.is_dir() else place)
        splits = ["validation" if product // 100 % 10 == 9 else "train" for product in products]
        super().__init__("shoes", (3, 64, 64), by_split(splits))

    def fingerprint(self) -> str:
        """Return the sha256 of the pixels and of the splits."""
        return hashlib.sha256(self._pictures.tobytes() + self.numbers["validation"].tobytes()).hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all 3 64 64"]:
        """Return the shoes of all splits in the order of the file."""
        return self._pictures


def _read(file: Path) -> tuple[UInt8[np.ndarray, "n 3 64 64"], Int64[np.ndarray, "n"]]:
    if not file.is_file():
        raise InputError(f"the data set 'shoes' lacks {file}", hint=_HINT)
    arrays = read_arrays(file, ("x", "product_id"))
    if missing := [key for key in ("x", "product_id") if key not in arrays]:
        raise InputError(f"{file} lacks the array {' and '.join(missing)}", hint=_HINT)
    pictures, products = arrays["x"], arrays["product_id"]
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (64, 64, 3):
        says = f"x in {file} is {pictures.dtype} {pictures.shape}, expected uint8 (n, 64, 64, 3)"
        raise InputError(says, hint=_HINT)
    if products.dtype.kind not in "iu" or products.shape != pictures.shape[:1]:
        found = f"product_id in {file} is {products.dtype} {products.shape}"
        raise InputError(f"{found}, expected whole numbers ({len(pictures)},)", hint=_HINT)
    return np.ascontiguousarray(np.moveaxis(pictures, -1, 1)), products.astype(np.int64)
