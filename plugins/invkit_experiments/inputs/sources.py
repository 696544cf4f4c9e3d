"""Sources of measurements, by index.

    one = source.one(3, seed=0)              # the fourth
    one.y, one.x, one.w                      # each a batch of one
    source.identity(3, seed=0)               # all that it depends on, without making it

A measurement depends on its index and the seed alone, so more images keep those that are there. `dataset`,
`prior` and `fingerprint` are those of invkit, each looked up once a process.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from jaxtyping import Float
from torch import Tensor

import invkit

__all__ = ["Measured", "Source", "data_folder", "dataset", "fingerprint", "identity_of", "prior"]


@attrs.frozen(eq=False)
class Measured:
    """One measurement and what it was made from, each a batch of one.

    Args:
        y: the measurement.
        x: the image.
        w: the kernel, of unit sum.
        theirs: results of others on this very measurement, by name.
    """

    y: Float[Tensor, "1 channels height width"]
    x: Float[Tensor, "1 channels height width"]
    w: Float[Tensor, "1 1 kernel_height kernel_width"]
    theirs: Mapping[str, Tensor] = attrs.field(factory=dict)

    @property
    def kernel_size(self) -> int:
        """Larger side of the kernel's support."""
        return max(self.w.shape[2:])

    @property
    def kernel_extent(self) -> int:
        """Side, an odd number, of the smallest square about the kernel's origin with 99 % of its mass.

        A user of a method that asks for the kernel's size would look this up in the picture.
        """
        mass, (i, j) = self.w[0, 0], (size // 2 for size in self.w.shape[2:])
        for reach in range(self.kernel_size // 2):
            middle = mass[max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1]
            if middle.sum() >= 0.99 * mass.sum():
                return 2 * reach + 1
        return self.kernel_size - 1 + self.kernel_size % 2


class Source(ABC):
    """Measurements by index, from 0."""

    operator: str
    """Spec of the operator that measured."""

    sigma: float | None
    """Standard deviation of the noise; None if it is unknown."""

    @abstractmethod
    def size(self) -> int:
        """Number of measurements; raises `InputError` if the data is missing."""

    @abstractmethod
    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        """All that a measurement depends on, JSON-ready."""

    @abstractmethod
    def one(self, index: int, seed: int) -> Measured:
        """The measurement at an index."""

    def hurried(self, steps: int) -> Source:
        """The source for a quick look: its own searches take at most this many steps."""
        return self


def data_folder(name: str) -> Path:
    """The folder of this name among the data sets: ``INVKIT_DATA``, by default ``../shared/data``."""
    return Path(os.environ.get("INVKIT_DATA") or Path("..") / "shared" / "data").expanduser() / name


@cache
def dataset(spec: str) -> invkit.Dataset:
    """A data set, built once."""
    return invkit.dataset(spec)


@cache
def prior(spec: str) -> invkit.Generator:
    """A prior, built once; priors hold nothing that a solve changes."""
    return invkit.prior(spec)


@cache
def fingerprint(spec: str) -> str:
    """A data set's fingerprint, read once."""
    return dataset(spec).fingerprint()


def identity_of(spec: str) -> dict[str, Any]:
    """A prior by spec and weights."""
    return {"prior": spec, "sha256": getattr(prior(spec), "sha256", None)}
