"""Data sets whose signals are rows of one array of bytes, each row in one split.

class Faces(ByteDataset):
    def __init__(self, path: Path) -> None:
        super().__init__("faces", (3, 64, 64), {"train": rows, "validation": …, "test": …})

    def rows(self): ...                      # uint8 (all, 3, 64, 64), a memory map; asked for once
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from invkit.contracts.dataset import SPLITS, Dataset

__all__ = ["ByteDataset"]


class ByteDataset(Dataset):
    """Signals of 8 bits, addressed through a table of row numbers for each split.

    Args:
        name: what it is registered as.
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
    def rows(self) -> UInt8[np.ndarray, "all channels height width"]:
        """Return all signals; called once, when the first is taken."""

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n channels height width"]:
        """Return signals with values in [0, 1]; see `Dataset.take`."""
        self.check(indices, split)
        chosen = self._rows[self.numbers[split][indices.numpy()]]
        return torch.from_numpy(np.asarray(chosen)).to(torch.float32).div_(255)

    @cached_property
    def _rows(self) -> UInt8[np.ndarray, "all channels height width"]:
        return self.rows()
