"""MNIST: 70,000 handwritten digits of 28 x 28 pixels.

    digits = invkit.dataset("mnist?path=~/data/mnist")
    x = digits.take(torch.arange(4), "test")        # (4, 1, 28, 28), ink 1 on paper 0
    digits.labels("test")[:4]                       # tensor([7, 2, 1, 0])

The official training file is divided into 55,000 digits to train on and its last 5,000 to validate on; the
official test file is the test split. The four files are not part of this package;
`invkit datasets fetch mnist` downloads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int, Int64
from torch import Tensor

from invkit.contracts.dataset import Dataset
from invkit_datasets.downloads import Remote, download
from invkit_datasets.folders import find_files
from invkit_datasets.idx import read_idx

__all__ = ["Mnist"]

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# The sha256 of the published archives, which torchvision's prototype data sets list. Unpacked, they are the
# official files; the same files packed anew have other sums.
_REMOTE: Final = Remote(
    bases=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    hashes={
        f"{_FILES[0]}.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        f"{_FILES[1]}.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        f"{_FILES[2]}.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        f"{_FILES[3]}.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
_TRAINING, _VALIDATION, _TEST = 60_000, 5_000, 10_000


class Mnist(Dataset):
    """MNIST from the four official idx files, gzipped or not; each is read when first needed.

    Args:
        path: the folder that holds the files (``~`` is the home folder); by default ``$INVKIT_DATA/mnist``,
        or
            ``../shared/data/mnist`` where that exists.

    Raises:
        InputError: files are missing. A damaged file is reported when it is first read.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". Licence: CC BY-SA 3.0.
    """

    terms = "CC BY-SA 3.0"

    def __init__(self, path: Path | None = None) -> None:
        self.name = "mnist"
        self.signal_shape = (1, 28, 28)
        self.splits = MappingProxyType(
            {"train": _TRAINING - _VALIDATION, "validation": _VALIDATION, "test": _TEST}
        )
        files = find_files("mnist", None if path is None else Path(path).expanduser(), _FILES)
        self._paths = dict(zip(_FILES, files, strict=True))
        self._read = cache(partial(_read, self._paths))

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download the four files (11 MB) from a mirror; see `Dataset.fetch`."""
        return download(_REMOTE, folder, base_url, files)

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n 1 28 28"]:
        """Return digits with values in [0, 1]; see `Dataset.take`."""
        self.check(indices, split)
        images = self._read(_FILES[2 if split == "test" else 0])
        chosen = images[indices.numpy() + self._offset(split)]
        return torch.from_numpy(chosen.astype(np.float32) / 255)[:, None]

    def labels(self, split: str) -> Int64[Tensor, "size"]:
        """Return the class, 0 to 9, of every digit of a split, in the order of its indices."""
        self.check(torch.zeros(0, dtype=torch.int64), split)
        labels = self._read(_FILES[3 if split == "test" else 1])
        start = self._offset(split)
        return torch.from_numpy(labels[start : start + self.splits[split]].astype(np.int64))

    def fingerprint(self) -> str:
        """Return the sha256 of the files' pixels and labels, the same whether they are gzipped or not."""
        digest = hashlib.sha256()
        for file in _FILES:
            digest.update(self._read(file).tobytes())
        return digest.hexdigest()

    def _offset(self, split: str) -> int:
        return _TRAINING - _VALIDATION if split == "validation" else 0


def _read(paths: dict[str, Path], file: str) -> np.ndarray:
    count = _TEST if file.startswith("t10k") else _TRAINING
    return read_idx(paths[file], (count, 28, 28) if "images" in file else (count,))
