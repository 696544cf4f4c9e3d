"""Photographs of BSDS500 through a camera that moves and turns: the blur varies across the picture.

    source = Rotations("train", turn=8.0)
    one = source.one(0, seed=0)              # y and x (1, 3, 281, 441); w (1, 1, 41, 41), of the middle

The path T(t) and the angle θ(t) are smooth curves through random points, independent of each other. The
kernel at p, measured from the middle, is Σ_t δ(T(t) + θ(t) J p), with J p being p turned by a right angle. It
is drawn at 12 × 18 nodes and interpolated between (``filterflow``). Then come noise, clipping and 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

import invkit
from invkit_experiments.inputs.drawn import stream
from invkit_experiments.inputs.photographs import Photographs, Split
from invkit_experiments.inputs.sources import Measured, Source, blur

__all__ = ["Rotations", "turned_kernels"]

_NODES = (12, 18)
_TIMES = 400
_HURRIED = 128


@attrs.frozen
class Rotations(Source):
    """Pictures of a split, each by a path and a turn of its own.

    Args:
        split: ``train`` or ``validation``.
        turn: by how many pixels the turn moves the corners at most; 0: one kernel for all.
        length: longer side of the path, in pixels.
        kernel: side of the kernels, odd.
        noise: its standard deviation.
        side: only the middle of the sharp picture is taken, at most so many pixels a side; None for all.
    """

    split: Split
    turn: float
    length: float = 19.0
    kernel: int = 41
    noise: float = 0.01
    side: int | None = None
    operator: str = "linconv?mode=same&boundary=unknown"
    sigma: float | None = None

    @property
    def pictures(self) -> Photographs:
        """The pictures, not blurred."""
        return Photographs(self.split, None, side=self.side)

    def size(self) -> int:
        return self.pictures.size()

    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        picture = self.pictures.identity(index, seed)["picture"]
        return {"picture": picture, "options": attrs.asdict(self), "seed": seed}

    def one(self, index: int, seed: int) -> Measured:
        return _made(self, index, seed)

    def hurried(self, steps: int) -> Rotations:
        """Small pictures, for a look that takes seconds."""
        return attrs.evolve(self, side=_HURRIED, kernel=21, length=min(self.length, 9.0))


@lru_cache(maxsize=64)
def _made(source: Rotations, index: int, seed: int) -> Measured:
    picture = source.pictures.one(index, seed).x
    height, width = (length - source.kernel + 1 for length in picture.shape[2:])
    operator = invkit.operator(f"filterflow?tiles={'x'.join(map(str, _NODES))}&mode=valid")
    nodes = operator.nodes((1, height, width))
    assert nodes is not None
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2], dtype=torch.float64)
    offsets = torch.cat([nodes - middle, torch.zeros(1, 2, dtype=torch.float64)]) / middle.norm()
    rng = np.random.default_rng(stream(seed, index, 1))
    w = turned_kernels(offsets, source.length, source.turn, source.kernel, rng)
    measured = blur(operator, w[None, :-1], picture, sigma=source.noise, seed=stream(seed, index, 2))
    start = source.kernel // 2
    truth = picture[..., start : start + height, start : start + width]
    return Measured((measured.y.clamp(0, 1) * 255).round() / 255, truth, w[None, -1:])


def turned_kernels(
    offsets: Float[Tensor, "k 2"], length: float, turn: float, size: int, rng: np.random.Generator
) -> Float[Tensor, "k size size"]:
    """The kernels of a camera that moves and turns, at some places.

    Args:
        offsets: of the places from the middle, in units of the farthest point's distance.
        length: longer side of the path, in pixels.
        turn: by how many pixels the farthest point is moved at most.
        size: of the kernels, odd.
        rng: for path and angle.
    """

    def curve(points: int, axes: int) -> npt.NDArray[np.float64]:
        through = np.cumsum(rng.normal(size=(points, axes)), 0)
        made = CubicSpline(np.linspace(0, 1, points), through)(np.linspace(0, 1, _TIMES))
        return np.asarray(made - (made.max(0) + made.min(0)) / 2)

    path, angle = curve(6, 2), curve(5, 1)
    path *= length / np.ptp(path, 0).max()
    angle *= turn / np.abs(angle).max()
    kernels = np.zeros((len(offsets), size, size))
    for kernel, (down, right) in zip(kernels, offsets.tolist(), strict=True):
        place = path + angle * np.array([-right, down]) + size // 2
        whole = np.floor(place).astype(int)
        for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
            share = (1 - np.abs(place - whole - corner)).prod(1)
            np.add.at(kernel, tuple(np.clip(whole + corner, 0, size - 1).T), share)
    return torch.from_numpy((kernels / _TIMES).astype(np.float32))
