"""Parts of drawn pictures: shapes (ovals and boxes, blobs, polygons, bent strokes; some hollow) and noise.

    shape = silhouette(rng, size=1.0, centre=(0, 0), aspect=1.5)
    shape.mask(plane(128))           # (128, 128), 1 inside, 0 outside, soft over about a pixel

A shape is a function that is negative inside and has a slope near 1 at the rim. `Shape.mask` reads the slope
from the grid, so that the rim is equally sharp at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs
import numpy as np
import torch
from jaxtyping import Float32, Float64
from PIL import Image
from torch import Tensor

__all__ = ["Plane", "Shape", "clouds", "grain", "pictures", "plane", "ramp", "silhouette"]

Grid = Float64[np.ndarray, "s s"]


@attrs.frozen(eq=False)
class Plane:
    """The coordinates of every pixel, x to the right and y down."""

    x: Grid
    y: Grid

    def scaled(self, factor: float) -> Plane:
        """Seen from further away, for a factor above 1."""
        return Plane(self.x * factor, self.y * factor)

    def turned(self, angle: float) -> Plane:
        """Turned about the origin, in radians."""
        cos, sin = np.cos(angle), np.sin(angle)
        return Plane(self.x * cos + self.y * sin, self.y * cos - self.x * sin)


@attrs.frozen(eq=False)
class Shape:
    """A shape at a place.

    Args:
        distance: distance from the rim, negative inside, in a plane with its origin at the place.
        x, y: the place.
    """

    distance: Callable[[Plane], Grid]
    x: float
    y: float

    def mask(self, where: Plane) -> Grid:
        """1 inside, 0 outside, values in between up to half a pixel from the rim."""
        distance = self.distance(Plane(where.x - self.x, where.y - self.y))
        down, right = np.gradient(distance)
        slope = np.hypot(down, right) + 1e-9
        return np.asarray(np.clip(0.5 - distance / slope, 0, 1))

    def moved(self, x: float, y: float) -> Shape:
        """The same shape at another place."""
        return attrs.evolve(self, x=self.x + x, y=self.y + y)


def plane(side: int) -> Plane:
    """The coordinates of ``side`` × ``side`` pixels, from −1 to 1 in both directions."""
    return Plane(*np.meshgrid(*[(np.arange(side) + 0.5) / side * 2 - 1] * 2))


def silhouette(rng: np.random.Generator, size: float, centre: tuple[float, float], *, aspect: float) -> Shape:
    """Draw a random shape; one in six is hollow.

    Args:
        rng: source of randomness.
        size: about half of the longer extent.
        centre: place of the shape.
        aspect: ratio of width to height.
    """
    kind = (_superellipse, _blob, _polygon, _stroke)[rng.choice(4, p=(0.3, 0.3, 0.2, 0.2))]
    distance = kind(rng)
    wide, high = (size, size / aspect) if aspect > 1 else (size * aspect, size)
    turn = rng.normal(0, 0.2) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    width = rng.uniform(0.08, 0.3) if rng.random() < 1 / 6 else None

    def placed(where: Plane) -> Grid:
        turned = where.turned(turn)
        solid = distance(Plane(turned.x / wide, turned.y / high))
        return solid if width is None else np.abs(solid + width) - width

    return Shape(placed, *centre)


def pictures(
    n: int,
    rng: torch.Generator,
    draw: Callable[[np.random.Generator], np.ndarray],
    side: int,
    channels: int = 3,
) -> Float32[Tensor, "n c s s"]:
    """Draw ``n`` pictures, each from a seed of its own, and round them to 8 bits.

    Args:
        n: number of pictures.
        rng: source of the seeds; picture i does not depend on ``n``.
        draw: draws one picture, (channels, side, side) with values in [0, 1].
        side: height and width of a picture.
        channels: of a picture.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=rng, dtype=torch.int64))
    drawn = np.empty((n, channels, side, side))
    for index, child in enumerate(np.random.SeedSequence(seed).spawn(n)):
        drawn[index] = draw(np.random.default_rng(child))
    return torch.from_numpy(np.round(drawn * 255).astype(np.uint8)).float() / 255


def clouds(rng: np.random.Generator, side: int, cells: Sequence[int] = (3, 4, 6, 9)) -> Grid:
    """Smooth noise of standard deviation near 1, interpolated from few points a side (one of ``cells``)."""
    count = int(rng.choice(cells))
    coarse = Image.fromarray(rng.normal(size=(count, count)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)


def ramp(rng: np.random.Generator, where: Plane) -> Grid:
    """A linear function of random direction, 0 at the origin and ±1 at a distance of 1."""
    return where.turned(rng.uniform(0, 2 * np.pi)).x


def grain(rng: np.random.Generator, side: int) -> Grid:
    """Noise of a power-law spectrum, ∝ |f|^−1 to |f|^−3 in power, and of unit variance."""
    exponent = rng.uniform(0.5, 1.5)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    amplitude = (np.hypot(rows, columns) + 0.5 / side) ** -exponent
    amplitude[0, 0] = 0
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * amplitude, s=(side, side))
    return np.asarray(noise / noise.std())


def _superellipse(rng: np.random.Generator) -> Callable[[Plane], Grid]:
    """|x|ᵖ + |y|ᵖ = 1, from a diamond's to a box's power; wider at one end."""
    power, taper = float(np.exp(rng.uniform(0.25, 2))), rng.normal(0, 0.25)

    def distance(p: Plane) -> Grid:
        thick = np.clip(1 + taper * p.x, 0.3, 2)
        return np.asarray((np.abs(p.x) ** power + np.abs(p.y / thick) ** power) ** (1 / power) - 1)

    return distance


def _blob(rng: np.random.Generator) -> Callable[[Plane], Grid]:
    """A radius that is a short Fourier series of the angle."""
    cosines, sines = rng.normal(0, 0.3, (2, 6)) / np.arange(1, 7)
    terms = cosines - 1j * sines

    def distance(p: Plane) -> Grid:
        far = np.hypot(p.x, p.y)
        direction = (p.x + 1j * p.y) / (far + 1e-12)
        series = np.zeros_like(direction)
        for term in terms[::-1]:  # Horner's rule
            series = (series + term) * direction
        return np.asarray(far / np.exp(series.real) - 1)

    return distance


def _polygon(rng: np.random.Generator) -> Callable[[Plane], Grid]:
    """A convex polygon of three to seven sides, corners a little rounded."""
    count = int(rng.integers(3, 8))
    angles = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * 2 * np.pi / count + rng.uniform(0, 7)
    far = rng.uniform(0.5, 1, count)
    sharp = rng.uniform(10, 40)

    def distance(p: Plane) -> Grid:
        sides = p.x[..., None] * np.cos(angles) + p.y[..., None] * np.sin(angles) - far
        most = sides.max(-1)
        return np.asarray(most + np.log(np.exp(sharp * (sides - most[..., None])).sum(-1)) / sharp)

    return distance


def _stroke(rng: np.random.Generator) -> Callable[[Plane], Grid]:
    """A band of some width along a bent line, a quadratic Bézier curve."""
    start, bend, end = np.array([-0.9, 0.0]), rng.normal(0, 0.7, 2), np.array([0.9, 0.0])
    width = rng.uniform(0.08, 0.4)
    t = np.linspace(0, 1, 13)[:, None]
    line = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end

    def distance(p: Plane) -> Grid:
        nearest = np.full(p.x.shape, np.inf)
        for (x0, y0), (x1, y1) in pairwise(line):
            dx, dy = x1 - x0, y1 - y0
            along = np.clip(((p.x - x0) * dx + (p.y - y0) * dy) / (dx**2 + dy**2 + 1e-12), 0, 1)
            nearest = np.minimum(nearest, (p.x - x0 - along * dx) ** 2 + (p.y - y0 - along * dy) ** 2)
        return np.asarray(np.sqrt(nearest) - width)

    return distance
