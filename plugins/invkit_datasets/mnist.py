"""MNIST: 70,000 handwritten digits of 28 x 28 pixels.

    digits = invkit.dataset("mnist?path=~/data/mnist")
    x = digits.take(torch.arange(4), "test")        # (4, 1, 28, 28), ink 1 on paper 0
    digits.labels("test")[:4]                       # tensor([7, 2, 1, 0])

The official training file is divided into 55,000 digits to train on and its last 5,000 to validate on; the
official test file is the test split. The four files are not part of this package;
`invkit datasets fetch mnist` downloads them.

They have the idx format: two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of
axes, the length of each axis as a big-endian 32-bit number, and the bytes of the array.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Sequence
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Int64, UInt8

from invkit.contracts.dataset import data_folder
from invkit.errors import InputError
from invkit_datasets.decoded import ByteDataset
from invkit_datasets.downloads import Remote, download
from invkit_datasets.sources import AGAIN, readable

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
_TRAIN, _TRAINING, _TEST = 55_000, 60_000, 10_000


class Mnist(ByteDataset):
    """MNIST from the four official idx files, gzipped or not; each is read when first needed.

    Args:
        path: the folder that holds the files (``~`` is the home folder); by default ``$INVKIT_DATA/mnist``,
            or ``../shared/data/mnist`` where that exists.

    Raises:
        InputError: files are missing. A damaged file is reported when it is first read.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". Licence: CC BY-SA 3.0.
    """

    terms = "CC BY-SA 3.0"

    def __init__(self, path: Path | None = None) -> None:
        training, test = np.arange(_TRAINING), np.arange(_TEST)
        numbers = {"train": training[:_TRAIN], "validation": training[_TRAIN:], "test": test}
        super().__init__("mnist", (1, 28, 28), numbers)
        self._read = cache(partial(_read, _found(data_folder("mnist", path))))

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download the four files (11 MB) from a mirror; see `Dataset.fetch`."""
        return download(_REMOTE, folder, base_url, files)

    def rows(self, split: str) -> UInt8[np.ndarray, "all 1 28 28"]:
        """Return the digits of the file that holds a split."""
        return self._read(_FILES[2 if split == "test" else 0])[:, None]

    def classes(self, split: str) -> Int64[np.ndarray, "all"]:
        return self._read(_FILES[3 if split == "test" else 1]).astype(np.int64)

    def fingerprint(self) -> str:
        """Return the sha256 of the files' pixels and labels, the same whether they are gzipped or not."""
        digest = hashlib.sha256()
        for file in _FILES:
            digest.update(self._read(file).tobytes())
        return digest.hexdigest()


def _found(folder: Path) -> dict[str, Path]:
    """Return where each official file is, as it is or with ``.gz`` behind its name."""
    found = {file: [p for p in (folder / file, folder / f"{file}.gz") if p.is_file()] for file in _FILES}
    if missing := [file for file, paths in found.items() if not paths]:
        raise InputError(
            f"the data set 'mnist' lacks {', '.join(missing)} (or the same with .gz) in {folder}",
            hint="put them there, set INVKIT_DATA to the folder above mnist/, or write mnist?path=FOLDER",
        )
    return {file: paths[0] for file, paths in found.items()}


def _read(paths: dict[str, Path], file: str) -> UInt8[np.ndarray, "..."]:
    """Return the array of an official file; raises `InputError` where it is damaged or of another shape."""
    path, count = paths[file], _TEST if file.startswith("t10k") else _TRAINING
    shape = (count, 28, 28) if "images" in file else (count,)
    head = 4 + 4 * len(shape)
    with readable(str(path)), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
        content = stream.read(head + prod(shape) + 1)  # one byte more than there should be, and no further
    if len(content) < head:
        raise InputError(f"{path} is truncated: {len(content)} bytes, shorter than its header", hint=AGAIN)
    magic, *axes = struct.unpack(f">{1 + len(shape)}I", content[:head])
    kind = 0x0800 + len(shape)
    if (magic, tuple(axes)) != (kind, shape):
        found, expected = f"{magic:#010x} and shape {tuple(axes)}", f"{kind:#010x} and {shape}"
        raise InputError(f"{path} is an idx file of type {found}, expected {expected}", hint=AGAIN)
    size, expected_size = len(content) - head, prod(shape)
    if size > expected_size:
        raise InputError(f"{path} is too long: expected {expected_size} bytes behind the header", hint=AGAIN)
    if size < expected_size:
        raise InputError(
            f"{path} is truncated: {size} bytes behind the header, expected {expected_size}", hint=AGAIN
        )
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)
