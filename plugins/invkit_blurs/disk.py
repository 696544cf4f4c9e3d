"""Blurs of a lens out of focus: uniform disks.

    w = invkit.dataset("disk?low=2,high=6").draw(8, rng)

Each pixel holds the share of the disk's area that lies on it, so a radius need not be a whole number. With r
the radius and □(p) the unit square of the pixel p, both about the centre c = (size − 1) / 2,

    w[p] = |{q : ‖q‖ ≤ r} ∩ □(p)| / (π r²)

In units of the radius, the part of the unit disk that lies on [x₀, x₁] × [y₀, y₁] in the first quadrant is

    (a₁ − x₀) (y₁ − y₀) + S(a₀) − S(a₁) − y₀ (a₀ − a₁),        S(a) = (a √(1 − a²) + arcsin a) / 2

where a₀ and a₁, cut to [x₀, x₁], are where the circle passes y₀ and y₁: left of a₁ the whole column lies
inside, and between a₁ and a₀ a part of it. A pixel that an axis halves is two such rectangles.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InputError
from invkit_blurs.streams import streams

__all__ = ["Disk", "check_radii", "disk_kernels"]

#: 1 − a² up to this counts as 0, so that the root has a finite gradient where the circle meets an axis
_TINY = 1e-12


def disk_kernels(radii: Float[Tensor, "n"], size: int) -> Float[Tensor, "n 1 size size"]:
    """Return disks of unit sum, exact for every radius and differentiable in it.

    Args:
        radii: in pixels, above 0 and at most half of ``size``.
        size: pixels in height and width.
    """
    position = torch.arange(size, dtype=radii.dtype, device=radii.device) - (size - 1) / 2
    near = (position.abs() - 0.5).clamp(min=0) / radii[:, None]
    far = (position.abs() + 0.5) / radii[:, None]
    x0, x1 = near[:, None, :], far[:, None, :]
    crossing0, crossing1 = _height(near)[:, :, None], _height(far)[:, :, None]
    a0, a1 = crossing0.clamp(x0, x1), crossing1.clamp(x0, x1)
    area = (a1 - x0) * (far - near)[:, :, None] + _under(a0) - _under(a1) - near[:, :, None] * (a0 - a1)
    halves = torch.where(position == 0, 2, 1)  # an odd size's middle row and column
    return (area.clamp(min=0) * halves * halves[:, None] / math.pi)[:, None]


def _height(a: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """√(1 − a²); 0 beyond the circle."""
    square = 1 - a.square()
    return torch.where(square > _TINY, square.clamp(min=_TINY).sqrt(), 0)


def _under(a: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """S(a), the area under the unit circle from 0 to a; a above 1 counts as 1."""
    a = a.clamp(max=1)
    height = _height(a)
    return (a * height + torch.atan2(a, height)) / 2


def check_radii(size: int, low: float, high: float, options: str, *, apart: bool = False) -> None:
    """Raise InputError where kernels of this size cannot be disks with radii in [low, high].

    ``options`` is how the hint writes the interval; ``apart`` refuses one that is a single point.
    """
    if size < 2:
        raise InputError(f"a kernel of size {size} holds no disk", hint="give size=2 or more")
    # Below 0.5 a disk lies within one pixel of an odd size.
    if not 0.5 <= low <= high <= size / 2 or (apart and low == high):
        raise InputError(
            f"disks of size {size} cannot have radii from {low:g} to {high:g}",
            hint=f"give 0.5 <= {options} <= {size / 2:g}, or a larger size",
        )


class Disk(SampledDataset):
    """Uniform disks, radius uniform in [low, high] pixels.

    Args:
        size: pixels in height and width, at least 2.
        low: least radius, at least 0.5.
        high: largest radius, at least ``low`` and at most half of ``size``.

    Raises:
        InputError: an empty or unusable range of radii.
    """

    def __init__(self, size: int = 28, low: float = 1.0, high: float = 6.0) -> None:
        check_radii(size, low, high, "low <= high")
        super().__init__("disk", (1, size, size), {"size": size, "low": float(low), "high": float(high)})
        self.size, self.low, self.high = size, float(low), float(high)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 size size"]:
        (radii,) = streams(rng, 1)
        return disk_kernels(torch.from_numpy(radii.uniform(self.low, self.high, n)), self.size).float()
