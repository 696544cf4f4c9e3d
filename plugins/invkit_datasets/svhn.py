"""SVHN, format 2: digits cut from photographs of house numbers, 32 × 32 pixels in colour.

    crops = invkit.dataset("svhn?path=~/data/svhn")
    x = crops.take(torch.arange(4), "train")         # (4, 3, 32, 32), values in [0, 1]
    crops.labels("test")[:4]                         # 0 to 9; the files write 10 for 0

A file is a MATLAB 5 file with ``X``, uint8 (32, 32, 3, n), and, where it has labels, ``y``, 1 to 10.

Which files. A path to one ``.mat`` file means that file. In a folder the training files are
``train_32x32.mat``, and ``extra_32x32.mat`` too with ``extra=true``; where neither official training file is
in the folder, they are all others named ``*_32x32.mat``. Files whose name starts with ``test`` are the test
split, all others train and validation.

Which split. Crops of one house number follow each other in a file, and nothing says where a number ends. So
validation is one block, the last 20th of each training file, and the eight crops before it belong to no
split: a house number has at most six digits and cannot reach across.

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
import scipy.io
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from invkit.errors import InputError
from invkit_datasets.cache import cache_key, decoded
from invkit_datasets.decoded import ByteDataset
from invkit_datasets.downloads import Remote, download
from invkit_datasets.folders import data_folder

__all__ = ["GUARD", "Svhn", "cut"]

GUARD: Final = 8
"""Crops between train and validation that belong to neither."""

_SHARE = 20
_HINT = "fetch the file again: invkit datasets fetch svhn"


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
        place = data_folder("svhn", None if path is None else Path(path).expanduser())
        self._files = [_header(file) for file in _chosen(place, extra)]
        parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
        start = 0
        for file in self._files:
            for split, rows in cut(file.count, testing=_is_test(file.path)).items():
                parts[split].append(start + np.asarray(rows, dtype=np.int64))
            start += file.count
        empty = np.zeros(0, dtype=np.int64)
        super().__init__(
            "svhn", (3, 32, 32), {split: np.concatenate([empty, *rows]) for split, rows in parts.items()}
        )

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download ``train_32x32.mat`` and ``test_32x32.mat`` (246 MB); see `Dataset.fetch`.

        ``files=["extra_32x32.mat"]`` fetches the extra set (1.3 GB). The publisher gives no checksums; what
        is checked are the sha256 that torchvision's prototype data sets list.
        """
        return download(_REMOTE, folder, base_url, files)

    def labels(self, split: str) -> Int64[Tensor, "size"]:
        """Return the digit, 0 to 9, of every crop of a split, in the order of its indices.

        Raises:
            InputError: no such split, or a file of it without labels.
        """
        self.check(torch.zeros(0, dtype=torch.int64), split)
        rows = self.numbers[split]
        found, start = np.zeros(len(rows), dtype=np.int64), 0
        for file in self._files:
            inside = (rows >= start) & (rows < start + file.count)
            if inside.any():
                found[inside] = _labels(file)[rows[inside] - start]
            start += file.count
        return torch.from_numpy(found)

    def fingerprint(self) -> str:
        """Return the sha256 of the files' names and pixels."""
        return self._fingerprint

    def rows(self) -> UInt8[np.ndarray, "all 3 32 32"]:
        """Return the crops of all files, one file after the other."""
        parts = []
        for file in self._files:
            stat = file.path.stat()
            parts.append(f"{file.path.resolve()} {stat.st_size} {stat.st_mtime_ns}")
        total = sum(file.count for file in self._files)
        crops = (crop for file in self._files for crop in _crops(file))
        return decoded("svhn", cache_key(["svhn", *parts]), total, (3, 32, 32), crops)

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256("\n".join(f"{f.path.name} {f.count}" for f in self._files).encode())
        for start in range(0, len(self._rows), 10_000):
            digest.update(self._rows[start : start + 10_000].tobytes())
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


def _is_test(path: Path) -> bool:
    return path.name.startswith("test")


def _chosen(place: Path, extra: bool) -> list[Path]:
    if place.is_file():
        return [place]
    train, test, more = (place / f"{part}_32x32.mat" for part in ("train", "test", "extra"))
    if not place.is_dir():
        raise InputError(f"no such file or folder: {place}", hint="check the path")
    if extra and not more.is_file():
        raise InputError(
            f"the data set 'svhn' lacks {more}", hint="leave extra=true out, or put the file there"
        )
    training = [file for file in (train, more) if file.is_file() and (extra or file == train)]
    if not train.is_file() and not more.is_file():
        training = sorted(p for p in place.glob("*_32x32.mat") if not _is_test(p))
    found = [*training, *([test] if test.is_file() else [])]
    if not found:
        there = ", of which extra=true would be used" if more.is_file() else ""
        raise InputError(
            f"no train_32x32.mat or test_32x32.mat in {place}{there}",
            hint="put them there (`invkit datasets fetch svhn`), or write svhn?path=FOLDER_OR_FILE",
        )
    return found


def _header(path: Path) -> _MatFile:
    try:
        shapes = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}
    except Exception as error:  # a damaged file may raise nearly anything while scipy parses it
        raise InputError(f"cannot read {path} as a MATLAB 5 file: {error}", hint=_HINT) from error
    shape, kind = shapes.get("X", ((), "nothing"))
    if len(shape) != 4 or shape[:3] != (32, 32, 3) or kind != "uint8" or shape[3] < 1:
        raise InputError(f"X in {path} is {kind} {shape}, expected uint8 (32, 32, 3, n)", hint=_HINT)
    if "y" in shapes and math.prod(shapes["y"][0]) != shape[3]:
        raise InputError(f"y in {path} is {shapes['y'][0]}, expected {shape[3]} labels", hint=_HINT)
    return _MatFile(path, int(shape[3]), "y" in shapes)


def _variable(file: _MatFile, name: str) -> Any:
    try:
        return scipy.io.loadmat(file.path, variable_names=[name])[name]
    except Exception as error:  # as above
        raise InputError(
            f"cannot read {name} in {file.path}, which is damaged or truncated: {error}", hint=_HINT
        ) from error


def _crops(file: _MatFile) -> np.ndarray:
    return np.moveaxis(_variable(file, "X"), (3, 2), (0, 1))


def _labels(file: _MatFile) -> np.ndarray:
    if not file.labelled:
        raise InputError(f"{file.path} has no labels", hint="use the official files, which have them")
    classes = np.asarray(_variable(file, "y")).reshape(-1).astype(np.int64)
    if classes.min() < 0 or classes.max() > 10:
        raise InputError(
            f"y in {file.path} has values {classes.min()} to {classes.max()}, expected 1 to 10", hint=_HINT
        )
    return classes % 10
