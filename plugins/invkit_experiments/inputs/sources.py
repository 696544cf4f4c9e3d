"""Where the measurements of an experiment come from, by number.

    one = source.one(3, seed=0)              # the fourth
    one.y, one.x, one.w                      # each a batch of one
    source.identity(3, seed=0)               # all that it depends on, without making it

A measurement depends on its number and the seed alone, never on how many are asked for: more images keep
those that are there. `dataset`, `prior` and `fingerprint` are those of invkit, each looked up once a
process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs
from jaxtyping import Float
from torch import Tensor

import invkit

__all__ = ["Measured", "Source", "dataset", "fingerprint", "identity_of", "prior"]


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
        """The larger side of the kernel's support."""
        return max(self.w.shape[2:])

    @property
    def kernel_extent(self) -> int:
        """The side, odd, of the least square about the kernel's origin with 99 % of it.

        It is what a user of a method that asks for the kernel's size would look up in the picture.
        """
        mass, (i, j) = self.w[0, 0], (size // 2 for size in self.w.shape[2:])
        for reach in range(self.kernel_size // 2):
            middle = mass[max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1]
            if middle.sum() >= 0.99 * mass.sum():
                return 2 * reach + 1
        return self.kernel_size - 1 + self.kernel_size % 2


class Source(ABC):
    """Measurements by number."""

    operator: str
    """The spec of the operator that measured."""

    sigma: float | None
    """The standard deviation of the noise; None where nobody knows it."""

    @abstractmethod
    def size(self) -> int:
        """How many measurements there are; raises `InputError` where the data is not here."""

    @abstractmethod
    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        """All that a measurement depends on, JSON-ready."""

    @abstractmethod
    def one(self, index: int, seed: int) -> Measured:
        """The measurement of a number, from 0."""

    def hurried(self, steps: int) -> Source:
        """The source for a quick look, where it has to search for something itself: at most so many steps."""
        return self


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
