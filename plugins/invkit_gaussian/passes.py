"""Passes over the training images of a data set, batch by batch, and what is shown of them on stderr.

    passes = Passes(data, batch=512, poses=1, mirror=True, progress=True)
    moments = fit(passes, data.signal_shape, rank=512, colour="joint")

Images are taken when they are needed, so memory does not grow with their number.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import attrs
import torch
from torch import Tensor

from invkit.contracts.dataset import Dataset
from invkit.training.run import signals_in
from invkit_gaussian.poses import posed

__all__ = ["Passes"]


@attrs.define(eq=False)
class Passes:
    """A call is a pass: the training images (n, C, H, W), in order, the same every time.

    Args:
        data: its training split is used, and no other.
        batch: images at once.
        poses: every batch is followed by its images in so many other poses (:mod:`invkit_gaussian.poses`).
        mirror: every batch, and every pose of it, is followed by its mirror images, left to right.
        limit: only the first so many images; 0: all.
        progress: a line a pass on stderr, which on a terminal counts the images.
    """

    data: Dataset
    batch: int
    poses: int = 0
    mirror: bool = False
    limit: int = 0
    progress: bool = False
    _made: int = attrs.field(default=0, init=False)

    @property
    def count(self) -> int:
        """The images of a pass, other poses and mirror images not counted."""
        return signals_in(self.data, self.limit)

    def __call__(self) -> Iterator[Tensor]:
        self._made += 1
        began = time.perf_counter()
        rng = torch.Generator().manual_seed(0)  # every pass sees the same poses
        for indices in torch.arange(self.count).split(self.batch):
            images = self.data.take(indices, "train")
            for pose in range(1 + self.poses):
                seen = posed(images, rng) if pose else images
                yield seen
                if self.mirror:
                    yield seen.flip(-1)
            self._say(f"{int(indices[-1]) + 1} of {self.count} images", "\r", terminal=True)
        self._say(f"{self.count} images in {time.perf_counter() - began:.1f} s", "\n")

    def _say(self, text: str, end: str, *, terminal: bool = False) -> None:
        if self.progress and (sys.stderr.isatty() or not terminal):
            print(f"pass {self._made}: {text}", end=end, file=sys.stderr, flush=True)
