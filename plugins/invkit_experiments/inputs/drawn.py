"""Inputs drawn by seed: an image of a data set, a kernel of another, noise.

    source = Drawn("celeba", "validation", kernels="blurA", sigma=0.01)
    source.one(3, seed=0)                    # the fourth picture of that seed
    source.identity(3, seed=0)               # all that it depends on, without drawing it

Cases that share a seed share pictures, kernels and (scaled) noise, where their data sets agree: a table
over noise levels shows one set of images.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

import invkit
from invkit.contracts.roles import check_kernels
from invkit.errors import InputError
from invkit_experiments.inputs.sources import (
    Measured,
    Source,
    blur,
    count,
    dataset,
    fingerprint,
    identity_of,
    prior,
)

__all__ = ["Drawn", "order", "stream"]

RANGE_RESTARTS = 5
"""Restarts of the search for the closest image in range, if a prior has no encoder."""


@attrs.frozen
class Drawn(Source):
    """Images of a data set, blurred circularly by kernels of another, with Gaussian noise; nothing clipped.

    Args:
        images: spec of the images' data set.
        split: split of the images; kernels are of the split ``test``.
        kernels: spec of the kernels' data set.
        sigma: standard deviation of the noise; an image's values span [0, 1].
        in_range: spec of a prior, or None. Each image is replaced by the closest image in the prior's range
            (Section 4.4 of the paper). For a VAE that is the decoded encoding, as in the paper. For a GAN it
            is searched for (the paper: 5 restarts and 10,000 steps of gradient descent; here 5 restarts and
            `search` steps of Adam).
        search: number of steps of that search.
        apart: whether to draw for a calibration: images from the other end of the order and kernels of the
            split ``validation``, so that what is calibrated on is not what is reported.
        every: (k, n): every n-th of the order alone, from number k on.

    Source: arXiv 1802.04073, Sections 4 and 4.4.
    """

    images: str
    split: str
    kernels: str
    sigma: float = 0.01
    in_range: str | None = None
    operator: str = "circconv"
    search: int = 1000
    apart: bool = False
    every: tuple[int, int] = (0, 1)

    def size(self) -> int:
        """How many images there are.

        Raises:
            InputError: no images or no kernels at all in the splits they are drawn from, or signals that are
                no kernels.
        """
        count(self.kernels, self._kernel_split)
        _check_kernels(self.kernels, self.operator)
        first, step = self.every
        return len(range(first, count(self.images, self.split), step))

    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        image, kernel = self._numbers(index, seed)
        return {
            "images": [self.images, self.split, fingerprint(self.images), image],
            "kernels": [self.kernels, self._kernel_split, fingerprint(self.kernels), kernel],
            "noise": [self.sigma, stream(seed, index, 2)],
            "range": None if self.in_range is None else [identity_of(self.in_range), self.search],
            "operator": self.operator,
        }

    def one(self, index: int, seed: int) -> Measured:
        return _drawn(self, index, seed)

    def hurried(self, steps: int) -> Drawn:
        return attrs.evolve(self, search=min(self.search, steps))

    def _numbers(self, index: int, seed: int) -> tuple[int, int]:
        """The numbers of image and kernel: without repetition, as long as there are any."""
        if index >= self.size():
            raise InputError(
                f"{self.images!r} has {self.size()} images in its split {self.split}, not {index + 1}",
                hint=f"type --images {self.size()}, or give it more data",
            )
        kernels = order(count(self.kernels, self._kernel_split), stream(seed, 0, 1))
        images = order(count(self.images, self.split), stream(seed, 0, 0))
        first, step = self.every
        place = first + step * index
        return images[-1 - place if self.apart else place], kernels[place % len(kernels)]

    @property
    def _kernel_split(self) -> str:
        return "validation" if self.apart else "test"


@cache
def _check_kernels(kernels: str, operator: str) -> None:
    check_kernels(invkit.operator(operator), dataset(kernels), kernels)


@lru_cache(maxsize=64)
def _drawn(source: Drawn, index: int, seed: int) -> Measured:
    """A measurement, drawn once for all methods."""
    image, kernel = source._numbers(index, seed)
    x = dataset(source.images).take(torch.tensor([image]), source.split)
    w = dataset(source.kernels).take(torch.tensor([kernel]), source._kernel_split)
    if source.in_range is not None:
        x = _closest(source.in_range, source.images, source.split, image, source.search)
    operator = invkit.operator(source.operator)
    return blur(operator, w, x, sigma=source.sigma, seed=stream(seed, index, 2))


@cache
def order(size: int, seed: int) -> list[int]:
    """The numbers below ``size`` in an order drawn by seed."""
    numbers: list[int] = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()
    return numbers


def stream(seed: int, index: int, purpose: int) -> int:
    """A seed of its own for every image and purpose (0: images, 1: kernels, 2: noise)."""
    return int(np.random.SeedSequence([seed, index, purpose]).generate_state(1, np.uint64)[0] >> 1)


@cache
def _closest(spec: str, images: str, split: str, image: int, search: int) -> Tensor:
    """The closest image in range, found once for all kernels and noise levels of this process."""
    made, x = prior(spec), dataset(images).take(torch.tensor([image]), split)
    if made.can_encode:
        with torch.no_grad():
            found: Tensor = made(made.encode(x))
            return found
    return invkit.project(made, x, restarts=RANGE_RESTARTS, steps=search).signal
