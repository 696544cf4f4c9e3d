"""Sources of measurements, by index.

    one = source.one(3, seed=0)              # the fourth
    one.y, one.x, one.w                      # each a batch of one
    source.identity(3, seed=0)               # all that it depends on, without making it

A measurement depends on its index and the seed alone, so more images keep those that are there. `dataset`,
`prior` and `fingerprint` are those of invkit, each looked up once a process; `count` is the size of a split
that must not be empty.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit.training import mixture

__all__ = [
    "Measured",
    "Source",
    "blur",
    "count",
    "data_folder",
    "dataset",
    "fingerprint",
    "identity_of",
    "prior",
]


@attrs.frozen(eq=False)
class Measured:
    """Measurements and what they were made from, one a row; a source gives a batch of one.

    Args:
        y: the measurements.
        x: the images.
        w: the kernels, of unit sum.
        theirs: results of others on these very measurements, by name.
    """

    y: Float[Tensor, "n *y"]
    x: Float[Tensor, "n *x"]
    w: Float[Tensor, "n *w"]
    theirs: Mapping[str, Tensor] = attrs.field(factory=dict)

    @property
    def kernel_size(self) -> int:
        """Larger side of the kernels' support."""
        return max(self.w.shape[2:])

    @property
    def kernel_extent(self) -> int:
        """Side, an odd number, of the smallest square about the first kernel's origin with 99 % of its mass.

        A user of a method that asks for the kernel's size would look this up in the picture.
        """
        mass, (i, j) = self.w[0, 0], (size // 2 for size in self.w.shape[2:])
        for reach in range(self.kernel_size // 2):
            middle = mass[max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1]
            if middle.sum() >= 0.99 * mass.sum():
                return 2 * reach + 1
        return self.kernel_size - 1 + self.kernel_size % 2


def blur(
    operator: invkit.BilinearOperator,
    w: Float[Tensor, "n *w"],
    x: Float[Tensor, "n *x"],
    *,
    sigma: float,
    seed: int,
) -> Measured:
    """Blur and add Gaussian noise; values are neither clipped nor rounded.

    Args:
        operator: ``A``.
        w: kernels.
        x: images in [0, 1].
        sigma: standard deviation of the noise.
        seed: random seed of the noise, which is drawn row by row: the first rows do not depend on how many
            follow.

    Source: arXiv 1802.04073, Section 4 (σ = 0.01).
    """
    with torch.no_grad():
        clean: Tensor = operator(w, x)
    rng = torch.Generator().manual_seed(seed)
    noise = torch.stack([torch.randn(clean.shape[1:], generator=rng) for _ in range(len(clean))])
    return Measured(clean + sigma * noise, x, w)


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
    """A data set, or a mixture of several, built once."""
    return mixture.load(spec)


def count(spec: str, split: str) -> int:
    """The number of signals in a split of a data set.

    Raises:
        InputError: there are none.
    """
    signals = dataset(spec).splits.get(split, 0)
    if not signals:
        raise InputError(
            f"the data set {spec!r} has no signals in its split {split}",
            hint="choose another; `invkit list datasets` shows how many signals each split has",
        )
    return signals


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
