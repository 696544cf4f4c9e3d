"""Data sets: signals to learn a prior from, addressed by split and index.

    data = invkit.dataset("blurA")
    data.signal_shape                                     # (1, 28, 28)
    data.splits                                           # {"train": 60000, "validation": 5000, ...}
    w = data.take(torch.arange(16), "train")              # (16, 1, 28, 28), always the same sixteen
    w = data.draw(16, torch.Generator().manual_seed(0))   # new ones, if the data set is a SampledDataset

`take` is a pure function of split and index. So an interrupted training run goes on to the same weights, and
test signals stay out of training. A :class:`Dataset` reads files; a :class:`SampledDataset` draws its signals
from a probability distribution.
"""

from __future__ import annotations

import hashlib
import json
import os
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

__all__ = ["SPLITS", "Dataset", "SampledDataset", "data_folder"]

SPLITS = ("train", "validation", "test")
"""The parts of every data set."""


def data_folder(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of a data set's files.

    Args:
        name: the data set.
        path: the folder that the user gave, if any (``~`` is the home folder). By default
            ``$INVKIT_DATA/NAME``, or ``../shared/data/NAME`` seen from the current folder, if that exists.

    Raises:
        InputError: no folder is given or set; the message says how to set one.
    """
    if path is not None:
        return Path(path).expanduser()
    if root := os.environ.get("INVKIT_DATA"):
        return Path(root).expanduser() / name
    beside = Path("..") / "shared" / "data" / name
    if beside.is_dir():
        return beside
    raise InputError(
        f"the data set {name!r} needs its files, and no folder is known",
        hint=f"set INVKIT_DATA to a folder that holds {name}/, or name the files' folder: {name}?path=FOLDER "
        "in a spec, --out FOLDER to fetch",
    )


class Dataset(ABC):
    """Signals of one shape, divided into `SPLITS`.

    Attributes:
        name: the registered name.
        signal_shape: (channels, height, width), without the batch axis.
        splits: the number of signals in each split.
        terms: the permitted uses of the data, in one line; an attribute of the class.
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
        """Return the class of every signal of ``split``, in the order of its indices.

        Raises:
            InputError: the data set has no classes, or no such split.
        """
        raise InputError(f"the data set {self.name!r} has no labels", hint="choose one that has classes")

    @classmethod
    def fetch(cls, folder: Path, base_url: str | None = None, files: Sequence[str] = ()) -> list[Path]:
        """Download the data set's files into ``folder``, if the terms allow that.

        Each file is checked against a known checksum and appears complete or not at all. Files that are there
        already are kept, and an interrupted download goes on where it stopped.

        Args:
            folder: the folder for the files; made if missing.
            base_url: the address above the files, in place of the publisher's and its mirrors.
            files: names of the files to fetch; by default those that the data set needs.

        Returns:
            The paths of all these files, new or not.

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
        if not isinstance(indices, Tensor):
            raise InputError(
                f"indices are a 1-D tensor of integers, got {type(indices).__name__}",
                hint=f"write take(torch.tensor([0, 5]), {split!r}) for the signals 0 and 5",
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
    """Signals drawn from a probability distribution, with fixed splits.

    Chunk ``c`` of a split holds its indices 1,000 c … 1,000 c + 999. It is drawn at once, and its seed is a
    sha256 of (name, parameters, version, split, c). So the splits are independent of each other and of
    everything a user draws, and are the same on every run. Chunks are drawn when first asked for and then
    kept: a fully read training split of 28 × 28 signals holds 190 MB.

    Args:
        name: the registered name.
        signal_shape: (channels, height, width).
        parameters: the distribution's parameters; part of the seeds and of the fingerprint.
    """

    terms = "none: the signals are drawn by a program"

    #: raise it when the same seed would draw other signals than before
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
        # Rounded, because the last bits may differ between processors.
        first = self.draw(8, rng).double().mul(1e4).round().to(torch.int32)
        return hashlib.sha256(self._identity().encode() + first.numpy().tobytes()).hexdigest()

    def _identity(self) -> str:
        return json.dumps([self.name, dict(self.parameters), self.version], sort_keys=True)

    def _seed(self, split: str, chunk: int) -> int:
        digest = hashlib.sha256(f"{self._identity()}|{split}|{chunk}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1  # 63 bits: a torch generator's range without a sign
