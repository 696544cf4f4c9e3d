"""SVHN crops whose house and sharpness are on record, 32 × 32 pixels in colour; split by house.

    crops = invkit.dataset("svhn-houses?sharpness=12")
    x = crops.take(torch.arange(4), "train")         # (4, 3, 32, 32), values in [0, 1]

The file is a MATLAB 5 file with SVHN's own ``X``, uint8 (32, 32, 3, n), and ``y``, 1 to 10, and two more
arrays of n numbers: ``image_number``, the photograph that a crop is cut from, and ``laplacian_std``, the
standard deviation of the crop's Laplacian. Half of SVHN's crops are blurred by the camera; ``sharpness``
leaves them out.

Splits: a house whose number ends in 9 is validation, any other train. The crops come from SVHN's official
test file, so there is no test split here, and what was fitted to them must not be scored on that of ``svhn``.

Source: see :mod:`invkit_datasets.svhn`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from invkit.contracts.dataset import data_folder
from invkit.errors import InputError
from invkit.files.mat import read_mat
from invkit_datasets.decoded import ByteDataset, by_split

__all__ = ["SvhnHouses"]

_FILE = "test_first10000_32x32.mat"
_HINT = "write svhn-houses?path=FILE.mat with X (32, 32, 3, n), y, image_number and laplacian_std"
_NUMBERS = {"y": "iu", "image_number": "iu", "laplacian_std": "f"}


class SvhnHouses(ByteDataset):
    """Crops from one ``.mat`` file, which is read at once (31 MB).

    Args:
        path: the file, or the folder that holds ``test_first10000_32x32.mat`` (``~`` is the home folder); by
            default ``$INVKIT_DATA/svhn``.
        sharpness: the least standard deviation of the Laplacian, on 8-bit pixels; 0 takes all crops.

    Raises:
        InputError: no such file, a damaged one, an array missing or of another shape or type; no crop as
            sharp.
    """

    terms = "research, not commercial; crops of SVHN's test split: nothing fitted to them may be scored on it"

    def __init__(self, path: Path | None = None, sharpness: float = 0.0) -> None:
        place = data_folder("svhn", path)
        file = place / _FILE if place.is_dir() else place
        arrays = _read(file)
        sharp = arrays["laplacian_std"] >= sharpness
        if not sharp.any():
            raise InputError(
                f"no crop in {file} has a sharpness of {sharpness:g}",
                hint=f"give at most {float(arrays['laplacian_std'].max()):g}",
            )
        self._crops = np.ascontiguousarray(np.moveaxis(arrays["X"][..., sharp], (3, 2), (0, 1)))
        self._classes = arrays["y"][sharp].astype(np.int64) % 10
        houses = arrays["image_number"][sharp]
        splits = ["validation" if house % 10 == 9 else "train" for house in houses]
        super().__init__("svhn-houses", (3, 32, 32), by_split(splits))

    def fingerprint(self) -> str:
        """Return the sha256 of the pixels, the classes and the split of every crop."""
        digest = hashlib.sha256(self._crops.tobytes() + self._classes.tobytes())
        digest.update(self.numbers["validation"].tobytes())
        return digest.hexdigest()

    def rows(self, split: str) -> UInt8[np.ndarray, "all 3 32 32"]:
        """Return the crops that are sharp enough, in the order of the file."""
        return self._crops

    def classes(self, split: str) -> Int64[np.ndarray, "all"]:
        """Return their digits, 0 to 9."""
        return self._classes


def _read(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise InputError(f"the data set 'svhn-houses' lacks {file}", hint=_HINT)
    found = read_mat(file, ["X", *_NUMBERS])
    if missing := [key for key in ("X", *_NUMBERS) if key not in found]:
        raise InputError(f"{file} lacks the array {' and '.join(missing)}", hint=_HINT)
    crops = found["X"]
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[:3] != (32, 32, 3):
        says = f"X in {file} is {crops.dtype} {crops.shape}, expected uint8 (32, 32, 3, n)"
        raise InputError(says, hint=_HINT)
    arrays = {"X": crops}
    for key, kinds in _NUMBERS.items():
        array = found[key]
        if array.size != crops.shape[3] or array.dtype.kind not in kinds:
            says = f"{key} in {file} is {array.dtype} {array.shape}, expected {crops.shape[3]} numbers"
            raise InputError(says, hint=_HINT)
        arrays[key] = array.reshape(-1)
    return arrays
