"""Twelve MNIST test digits that travel with the package, for the demo and for tests without data.

    digits = invkit.dataset("mnist-sample")
    x = digits.take(torch.arange(12), "test")       # (12, 1, 28, 28)

The first digit of each class 0 to 9 in the official test file, then the first two digits of the file that
are not among these: nothing is picked by looks.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from invkit_datasets.decoded import ByteDataset

__all__ = ["MnistSample"]

_STRIP = files("invkit_datasets") / "samples" / "mnist_test_12.png"


class MnistSample(ByteDataset):
    """Twelve MNIST test digits; only the split ``test`` holds any.

    Attributes:
        indices: where each digit stands in the official test file.

    Source: MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0: see ``samples/README.md``.
    """

    terms = "CC BY-SA 3.0"
    indices: tuple[int, ...] = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7, 5, 6)

    def __init__(self) -> None:
        rows, none = np.arange(len(self.indices)), np.arange(0)
        super().__init__("mnist-sample", (1, 28, 28), {"train": none, "validation": none, "test": rows})
        with _STRIP.open("rb") as stream:
            strip = np.asarray(Image.open(stream))
        self._digits = np.stack(np.split(strip, len(self.indices), axis=1))[:, None]

    def rows(self, split: str) -> UInt8[np.ndarray, "12 1 28 28"]:
        """Return the twelve digits."""
        return self._digits

    def classes(self, split: str) -> Int64[np.ndarray, "12"]:
        return np.array([*range(10), 1, 4])

    def fingerprint(self) -> str:
        """Return the sha256 of the packaged file."""
        return hashlib.sha256(_STRIP.read_bytes()).hexdigest()
