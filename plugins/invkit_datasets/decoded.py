"""Data sets whose signals are rows of an array of bytes.

class Faces(ByteDataset):
    def __init__(self, path: Path) -> None:
        super().__init__("faces", (3, 64, 64), by_split(["train", "train", "test", …]))

    def rows(self, split: str): ...          # uint8 (all, 3, 64, 64), a memory map
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float32, Int, Int64, UInt8
from torch import Tensor

from invkit.contracts.dataset import SPLITS, Dataset

__all__ = ["ByteDataset", "by_split"]


class ByteDataset(Dataset):
    """Signals of 8 bits, addressed through a table of row numbers for each split.

    Args:
        name: the registered name.
        signal_shape: (channels, height, width).
        numbers: for each split the rows that belong to it, in the order of its indices.
    """

    def __init__(
        self, name: str, signal_shape: tuple[int, int, int], numbers: Mapping[str, Int[np.ndarray, "_"]]
    ) -> None:
        self.name = name
        self.signal_shape = signal_shape
        self.numbers = {split: np.asarray(numbers[split], dtype=np.int64) for split in SPLITS}
        self.splits = MappingProxyType({split: len(rows) for split, rows in self.numbers.items()})

    @abstractmethod
    def rows(self, split: str) -> UInt8[np.ndarray, "all channels height width"]:
        """Return the array that holds a split's signals; the data set keeps it between calls."""

    def classes(self, split: str) -> Int64[np.ndarray, "all"] | None:
        """Return the classes of the rows of that array; None where the data set has no classes."""
        return None

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n channels height width"]:
        self.check(indices, split)
        chosen = self.rows(split)[self.numbers[split][indices.numpy()]]
        return torch.from_numpy(np.asarray(chosen)).to(torch.float32).div_(255)

    def labels(self, split: str) -> Int64[Tensor, "size"]:
        self.check(torch.zeros(0, dtype=torch.int64), split)
        classes = self.classes(split)
        return super().labels(split) if classes is None else torch.from_numpy(classes[self.numbers[split]])


def by_split(splits: Sequence[str]) -> dict[str, Int64[np.ndarray, "_"]]:
    """Return the rows of each split, from the split of every row."""
    of_rows = np.array(splits, dtype=str)
    return {split: np.flatnonzero(of_rows == split) for split in SPLITS}
