"""Data sets: signals to learn a prior from, addressed by split and index.

    data = invkit.dataset("blurA")
    data.signal_shape                                     # (1, 28, 28)
    data.splits                                           # {"train": 60000, "validation": 5000, ...}
    w = data.take(torch.arange(16), "train")              # (16, 1, 28, 28), always the same sixteen
    w = data.draw(16, torch.Generator().manual_seed(0))   # any number of new ones, where the data is drawn

`take` is a pure function of split and index. That is what lets an interrupted training run go on to the
same weights, and keeps test signals out of training. Two kinds: files (:class:`Dataset`) and laws of chance
(:class:`SampledDataset`).
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import torch
from jaxtyping import Float32, Int
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.errors import InputError

__all__ = ["SPLITS", "Dataset", "SampledDataset"]

SPLITS = ("train", "validation", "test")
"""What every data set is divided into."""


class Dataset(ABC):
    """Signals of one shape, divided into `SPLITS`.

    Attributes:
        name: what it is registered as.
        signal_shape: (channels, height, width), without the batch axis.
        splits: the number of signals in each split.
        terms: what may be done with the data, in one line; known without building it.
    """

    name: str
    signal_shape: Shape
    splits: Mapping[str, int]
    terms: str = "not stated"

    @abstractmethod
    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n *signal"]:
        """Return the signals at ``indices`` (any order, repeats allowed) of ``split``, on the CPU.

        A pure function of the two. Implementations call `check` first.

        Raises:
            InputError: no such split, or an index outside it.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a sha256 in hexadecimal that changes with the data; a trained prior's card records it."""

    def labels(self, split: str) -> Int[Tensor, "size"]:
        """Return the class of every signal of ``split``, where the data set has classes.

        Raises:
            InputError: it has none, or no such split.
        """
        raise InputError(f"the data set {self.name!r} has no labels", hint="choose one that has classes")

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download the data set's files into ``folder``, where the terms allow that.

        Each file is checked against a known checksum and appears complete or not at all; what is there
        already is kept, and an interrupted download goes on where it stopped.

        Args:
            folder: where the files belong; made where missing.
            base_url: the address above the files, in place of the publisher's and its mirrors.
            files: which to fetch; empty for those that the data set needs.

        Returns:
            The files, those that were already there included.

        Raises:
            InputError: this data set cannot be downloaded (the default), an unknown file, no server
                answers, or another content than expected.
        """
        raise InputError(
            f"the data set of {cls.__name__} cannot be downloaded",
            hint=f"put its files into {folder} by hand, or give it path=FOLDER",
        )

    def check(self, indices: Tensor, split: str) -> None:
        """Refuse an unknown split, and indices that are not whole numbers in [0, ``splits[split]``).

        Raises:
            InputError: naming what was given and what there is.
        """
        if split not in self.splits:
            raise InputError(
                f"the data set {self.name!r} has no split {split!r}", hint=f"choose {', '.join(self.splits)}"
            )
        if indices.is_floating_point() or indices.dtype == torch.bool or indices.ndim != 1:
            raise InputError(
                f"indices are a 1-D tensor of integers, got {indices.dtype} of shape {tuple(indices.shape)}"
            )
        size = self.splits[split]
        if indices.numel() == 0:
            return
        lowest, highest = int(indices.min()), int(indices.max())
        if lowest < 0 or highest >= size:
            there = f"has indices 0 to {size - 1}" if size else "is empty"
            raise InputError(f"the {split} split of {self.name!r} {there}, got indices {lowest} to {highest}")


class SampledDataset(Dataset):
    """Signals drawn from a law of chance, with fixed splits cut from it.

    Chunk ``c`` of a split holds its indices 1,000 c … 1,000 c + 999 and is drawn in one go with a seed that
    is a sha256 of (name, parameters, version, split, c). So the splits are independent of each other and of
    everything a user draws, and are the same on every run. Chunks are drawn when first asked for and then
    kept: a fully read training split of 28 × 28 signals holds 190 MB.

    Args:
        name: what it is registered as.
        signal_shape: (channels, height, width).
        parameters: what determines the law; part of the seeds and of the fingerprint.
    """

    terms = "none: the signals are drawn by a program"

    #: raise it where the same seed would draw other signals than before
    version: ClassVar[int] = 1
    #: signals drawn at once for a split
    chunk: ClassVar[int] = 1_000
    #: whether signals are multiples of 1/255, and kept as bytes
    bytes_only: ClassVar[bool] = False

    def __init__(self, name: str, signal_shape: Shape, parameters: Mapping[str, int | float | str]) -> None:
        self.name = name
        self.signal_shape = signal_shape
        self.parameters: Mapping[str, int | float | str] = MappingProxyType(dict(parameters))
        self.splits: Mapping[str, int] = MappingProxyType(
            {"train": 60_000, "validation": 5_000, "test": 20_000}
        )
        self._kept: dict[str, Tensor] = {}
        self._drawn: dict[str, set[int]] = {}

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Refuse: there are no files."""
        raise InputError(
            f"the data set of {cls.__name__} is drawn, not downloaded", hint="use it: it needs no files"
        )

    @abstractmethod
    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n *signal"]:
        """Draw ``n`` new signals; the same state of ``rng``, on the CPU, gives the same ones, to the bit."""

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n *signal"]:
        """Return signals of a fixed split; see `Dataset.take`."""
        self.check(indices, split)
        if split not in self._kept:
            kind = torch.uint8 if self.bytes_only else torch.float32
            self._kept[split] = torch.empty(self.splits[split], *self.signal_shape, dtype=kind)
            self._drawn[split] = set()
        chunks = set(torch.unique(indices // self.chunk).tolist())
        for chunk in sorted(chunks - self._drawn[split]):
            start = chunk * self.chunk
            end = min(start + self.chunk, self.splits[split])
            rng = torch.Generator().manual_seed(self._seed(split, chunk))
            drawn = self.draw(end - start, rng)
            self._kept[split][start:end] = drawn.mul(255).round() if self.bytes_only else drawn
            self._drawn[split].add(chunk)
        kept = self._kept[split][indices.long()]
        return kept.float() / 255 if self.bytes_only else kept

    def fingerprint(self) -> str:
        """Return the sha256 of name, parameters, version and eight training signals, rounded to 1e-4."""
        rng = torch.Generator().manual_seed(self._seed("train", 0))
        first = (
            self.draw(8, rng).double().mul(1e4).round().to(torch.int32)
        )  # last bits may differ between processors
        return hashlib.sha256(self._identity().encode() + first.numpy().tobytes()).hexdigest()

    def _identity(self) -> str:
        return json.dumps([self.name, dict(self.parameters), self.version], sort_keys=True)

    def _seed(self, split: str, chunk: int) -> int:
        digest = hashlib.sha256(f"{self._identity()}|{split}|{chunk}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1  # 63 bits: what a torch generator takes without a sign
