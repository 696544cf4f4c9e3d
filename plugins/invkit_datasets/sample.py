"""Twelve MNIST test digits that travel with the package, for the demo and for tests without data.

    digits = invkit.dataset("mnist-sample")
    x = digits.take(torch.arange(12), "test")       # (12, 1, 28, 28)

The first digit of each class 0 to 9 in the official test file, then the first two digits of the file that
are not among these: nothing is picked by looks.
"""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files
from types import MappingProxyType

import torch
from jaxtyping import Float32, Int, Int64
from torch import Tensor

from invkit.contracts.dataset import Dataset
from invkit.files.images import read_image

__all__ = ["MnistSample"]

_STRIP = files("invkit_datasets") / "samples" / "mnist_test_12.png"


class MnistSample(Dataset):
    """Twelve MNIST test digits; only the split ``test`` holds any.

    Attributes:
        indices: where each digit stands in the official test file.

    Source: MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0: see ``samples/README.md``.
    """

    terms = "CC BY-SA 3.0"
    indices: tuple[int, ...] = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7, 5, 6)

    def __init__(self) -> None:
        self.name = "mnist-sample"
        self.signal_shape = (1, 28, 28)
        self.splits = MappingProxyType({"train": 0, "validation": 0, "test": len(self.indices)})
        with as_file(_STRIP) as path:
            strip = torch.from_numpy(read_image(path))
        self._images = torch.stack(strip.split(28, dim=-1))

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n 1 28 28"]:
        """Return digits with values in [0, 1]; see `Dataset.take`."""
        self.check(indices, split)
        return self._images[indices.long()]

    def labels(self, split: str) -> Int64[Tensor, "size"]:
        """Return the class, 0 to 9, of every digit of a split, in the order of its indices."""
        self.check(torch.zeros(0, dtype=torch.int64), split)
        return torch.tensor([*range(10), 1, 4] if split == "test" else [], dtype=torch.int64)

    def fingerprint(self) -> str:
        """Return the sha256 of the packaged file."""
        return hashlib.sha256(_STRIP.read_bytes()).hexdigest()
