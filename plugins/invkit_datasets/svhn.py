"""SVHN, format 2: digits cut from photographs of house numbers, 32 × 32 pixels in colour.

    crops = invkit.dataset("svhn?path=~/data/svhn")
    x = crops.take(torch.arange(4), "train")         # (4, 3, 32, 32), values in [0, 1]
    crops.labels("test")[:4]                         # 0 to 9; the files write 10 for 0

A file is a MATLAB 5 file with ``X``, uint8 (32, 32, 3, n), and, where it has labels, ``y``, 1 to 10.

Files: a path to one ``.mat`` file means that file. In a folder the training files are ``train_32x32.mat``
and, with ``extra=true``, ``extra_32x32.mat``. If the folder has neither, all other files named
``*_32x32.mat`` are training files. A file is the test split if its name starts with ``test``.

Splits: the crops of one house number follow each other in a file, which does not record where a number ends.
So validation is one block, the last 20th of each training file. The eight crops before it belong to no split:
a house number has at most six digits and cannot reach across.

Source: Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, "Reading digits in natural images with
unsupervised feature learning", NIPS workshop 2011.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from jaxtyping import Int64, UInt8

from invkit.contracts.dataset import SPLITS, data_folder
from invkit.errors import InputError
from invkit.files.mat import MatArray, describe_mat, read_mat
from invkit_datasets.cache import decoded
from invkit_datasets.decoded import ByteDataset
from invkit_datasets.downloads import Remote, download
from invkit_datasets.sources import stamp

__all__ = ["GUARD", "Svhn", "cut"]

GUARD: Final = 8
"""Crops between train and validation that belong to neither."""

_SHARE = 20
_HINT = "the file is damaged, truncated or of another type; fetch it again: invkit datasets fetch svhn"


# The publisher gives no checksums. These sha256 are those that torchvision's prototype data sets list;
# nobody here has downloaded the files to check them.
_REMOTE: Final = Remote(
    bases=("http://ufldl.stanford.edu/housenumbers/",),
    hashes={
        "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
        "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
        "extra_32x32.mat": "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
    },
    usual=("train_32x32.mat", "test_32x32.mat"),
)


@attrs.frozen
class _MatFile:
    path: Path
    count: int
    labelled: bool

    @property
    def testing(self) -> bool:
        return self.path.name.startswith("test")


class Svhn(ByteDataset):
    """SVHN crops from the official ``.mat`` files; unpacked once, when first needed.

    Args:
        path: a folder of the files, or one of them (``~`` is the home folder); by default
            ``$INVKIT_DATA/svhn``.
        extra: train on ``extra_32x32.mat`` too (531,131 crops; unpacking takes about 4 GB of memory).

    Raises:
        InputError: no file, another layout, or a damaged header. A file that is damaged further on is
            reported when it is unpacked.
    """

    terms = "research, not commercial"

    def __init__(self, path: Path | None = None, extra: bool = False) -> None:
        self._files = [_header(file) for file in _chosen(data_folder("svhn", path), extra)]
        rows: dict[str, list[int]] = {split: [] for split in SPLITS}
        start = 0
        for file in self._files:
            for split, inside in cut(file.count, testing=file.testing).items():
                rows[split] += range(start + inside.start, start + inside.stop)
            start += file.count
        numbers = {split: np.array(found, dtype=np.int64) for split, found in rows.items()}
        super().__init__("svhn", (3, 32, 32), numbers)

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download ``train_32x32.mat`` and ``test_32x32.mat`` (246 MB); see `Dataset.fetch`.

        ``files=["extra_32x32.mat"]`` fetches the extra set (1.3 GB). The publisher gives no checksums; the
        files are checked against the sha256 that torchvision's prototype data sets list.
        """
        return download(_REMOTE, folder, base_url, files)

    def fingerprint(self) -> str:
        """Return the sha256 of the files' names and pixels."""
        return self._fingerprint

    def rows(self, split: str) -> UInt8[np.ndarray, "all 3 32 32"]:
        """Return the crops of all files, one file after the other."""
        return self._decoded

    def classes(self, split: str) -> Int64[np.ndarray, "all"]:
        """Return the digits, 0 to 9, of a split's files, and zeros for the crops of other files.

        Raises:
            InputError: a file of the split has no labels.
        """
        needed = len(self.numbers[split]) > 0
        found = [
            _labels(file) if needed and file.testing == (split == "test") else np.zeros(file.count, np.int64)
            for file in self._files
        ]
        return np.concatenate(found)

    @cached_property
    def _decoded(self) -> UInt8[np.ndarray, "all 3 32 32"]:
        parts = ["svhn", *(f"{file.path.resolve()} {stamp(file.path)}" for file in self._files)]
        total = sum(file.count for file in self._files)
        crops = (crop for file in self._files for crop in _crops(file))
        return decoded("svhn", parts, total, self.signal_shape, crops)

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256("\n".join(f"{f.path.name} {f.count}" for f in self._files).encode())
        digest.update(self._decoded.data)
        return digest.hexdigest()


def cut(count: int, *, testing: bool = False) -> dict[str, range]:
    """Return which crops of a file of ``count`` belong to which split.

    Args:
        count: crops in the file.
        testing: whether it is the test file, all of which is the test split.
    """
    if testing:
        return {"train": range(0), "validation": range(0), "test": range(count)}
    border = count - math.ceil(count / _SHARE)
    return {"train": range(max(border - GUARD, 0)), "validation": range(border, count), "test": range(0)}


def _chosen(place: Path, extra: bool) -> list[Path]:
    """Return the training files, then the test file."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise InputError(f"no such file or folder: {place}", hint="check the path")
    train, test, more = (place / f"{part}_32x32.mat" for part in ("train", "test", "extra"))
    if extra and not more.is_file():
        raise InputError(
            f"the data set 'svhn' lacks {more}", hint="leave extra=true out, or put the file there"
        )
    training = [train, more] if extra else [train]
    if not train.is_file() and not more.is_file():
        training = sorted(p for p in place.glob("*_32x32.mat") if not p.name.startswith("test"))
    found = [file for file in (*training, test) if file.is_file()]
    if not found:
        there = ", of which extra=true would be used" if more.is_file() else ""
        raise InputError(
            f"no train_32x32.mat or test_32x32.mat in {place}{there}",
            hint="put them there (`invkit datasets fetch svhn`), or write svhn?path=FOLDER_OR_FILE",
        )
    return found


def _header(path: Path) -> _MatFile:
    arrays = describe_mat(path)
    found = arrays.get("X", MatArray("nothing", ()))
    kind, shape = found.kind, found.shape
    if len(shape) != 4 or shape[:3] != (32, 32, 3) or kind != "uint8" or shape[3] < 1:
        raise InputError(f"X in {path} is {kind} {shape}, expected uint8 (32, 32, 3, n)", hint=_HINT)
    if "y" in arrays and math.prod(arrays["y"].shape) != shape[3]:
        raise InputError(f"y in {path} is {arrays['y'].shape}, expected {shape[3]} labels", hint=_HINT)
    return _MatFile(path, shape[3], "y" in arrays)


def _variable(file: _MatFile, name: str) -> Any:
    return read_mat(file.path, [name])[name]


def _crops(file: _MatFile) -> UInt8[np.ndarray, "n 3 32 32"]:
    return np.moveaxis(_variable(file, "X"), (3, 2), (0, 1))


def _labels(file: _MatFile) -> Int64[np.ndarray, "n"]:
    if not file.labelled:
        raise InputError(f"{file.path} has no labels", hint="use the official files, which have them")
    classes = np.asarray(_variable(file, "y")).reshape(-1).astype(np.int64)
    if classes.min() < 0 or classes.max() > 10:
        raise InputError(
            f"y in {file.path} has values {classes.min()} to {classes.max()}, expected 1 to 10", hint=_HINT
        )
    return classes % 10
