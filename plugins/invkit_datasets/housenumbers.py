"""Synthetic house numbers, drawn to look like the crops of SVHN.

    numbers = invkit.dataset("housenumbers")
    x = numbers.take(torch.arange(64), "train")      # (64, 3, 32, 32), values in [0, 1]

One to five digits of one font stand in a row; the crop is centred on one of them, so its neighbours are cut
by the frame. The scene is

    wall(1 − shadow) + mask·(ink − wall(1 − shadow)),

lit by a linear gradient, seen in perspective, blurred, brought to a random contrast, with noise. The
ranges were set by looking at sheets of these beside sheets of SVHN crops (the first 181 of SVHN's `extra`
set) and by how well the principal components of these fit them; no SVHN pixel enters.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Float64
from scipy import ndimage
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit_datasets.fonts import Font, find_fonts
from invkit_datasets.silhouettes import Plane, clouds, pictures, ramp

__all__ = ["HouseNumbers"]

_SIDE = 32
_SCALE = 2  # the scene is drawn at twice the resolution
_FRAME = _SIDE * _SCALE
_PIXELS = Plane(*np.meshgrid(*[np.arange(_FRAME) - (_FRAME - 1) / 2] * 2))  # about the centre
_UNIT = Plane(*np.meshgrid(*[np.linspace(-1, 1, _FRAME)] * 2))
_CELLS = (3, 5, 9)  # clouds on a scale of a few pixels to the whole frame
_DIGITS_SHARE = (0.16, 0.36, 0.32, 0.13, 0.03)  # of numbers with one to five digits


class HouseNumbers(SampledDataset):
    """Random house numbers: 32 × 32 pixels, three channels, 8 bits.

    The pictures depend on the fonts, and so does the fingerprint: two machines with different fonts have
    different data sets.

    Args:
        fonts: a folder of .ttf or .otf files; by default the fonts of the system and the one in Pillow.

    Raises:
        InputError: no font with digits in that folder.

    Source: the look, of SVHN (Netzer and others, "Reading Digits in Natural Images with Unsupervised Feature
    Learning", 2011); the model of a scene is ours.
    """

    bytes_only: ClassVar[bool] = True

    def __init__(self, fonts: Path | None = None) -> None:
        self.fonts = find_fonts(fonts)
        drawn = b"".join(mask.tobytes() for font in self.fonts for mask in font.draw("0123456789"))
        parameters = {"fonts": hashlib.sha256(drawn).hexdigest()[:16]}
        super().__init__("housenumbers", (3, _SIDE, _SIDE), parameters)

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 3 32 32"]:
        return pictures(n, rng, partial(_picture, self.fonts), _SIDE)


def _picture(fonts: list[Font], rng: np.random.Generator) -> Float64[np.ndarray, "3 32 32"]:
    ink_colour, wall_colour = _colours(rng)
    mask = _seen(_number(fonts, rng), rng)
    wall = _wall(wall_colour, rng)
    if rng.random() < 0.35:
        wall = wall * (1 - _shadow(mask, rng))
    ink = ink_colour[:, None, None] + 0.08 * rng.normal() * clouds(rng, _FRAME, _CELLS)
    scene = wall + mask * (ink - wall)
    scene = scene * (1 + rng.normal(0, 0.12) * ramp(rng, _UNIT))
    return _taken(scene, rng)


def _number(fonts: list[Font], rng: np.random.Generator) -> Float64[np.ndarray, "side side"]:
    """The mask of a row of digits, centred on one of them, on a page three frames wide."""
    count = 1 + rng.choice(5, p=_DIGITS_SHARE)
    text = "".join(str(digit) for digit in [rng.integers(1, 10), *rng.integers(0, 10, count - 1)])
    font = fonts[rng.integers(len(fonts))]
    glyphs = font.draw(text, int(rng.choice(4, p=(0.5, 0.25, 0.15, 0.1))))
    gap = round(rng.uniform(0.06, 0.3) * glyphs[0].shape[0])
    centre = int(rng.integers(count))
    side = 3 * _FRAME
    height = max(glyph.shape[0] for glyph in glyphs)
    starts = np.cumsum([0, *(glyph.shape[1] + gap for glyph in glyphs)])
    row = np.zeros((height, starts[-1]))
    for glyph, start in zip(glyphs, starts, strict=False):
        row[: glyph.shape[0], start : start + glyph.shape[1]] = glyph / 255
    middle = starts[centre] + glyphs[centre].shape[1] / 2
    page = np.zeros((side, side))
    left, top = round(side / 2 - middle), (side - height) // 2
    first, last = max(0, -left), min(row.shape[1], side - left)
    page[top : top + height, left + first : left + last] = row[:, first:last]
    return page


def _seen(page: Float64[np.ndarray, "side side"], rng: np.random.Generator) -> Float64[np.ndarray, "s s"]:
    """The page in perspective: turned, slanted, stretched, so that a digit fills most of the frame."""
    digit = 46.0  # about how high digits are on the page
    filling = rng.uniform(0.62, 0.98)
    high = digit / (filling * _FRAME)  # page pixels for each pixel of the frame
    wide = high * float(np.exp(rng.normal(0.2, 0.17)))
    turn, slant = rng.normal(0, 0.07), rng.normal(0.03, 0.12)
    depth = 1 + (rng.normal(0, 0.12) * _PIXELS.x + rng.normal(0, 0.05) * _PIXELS.y) / _FRAME
    right, down = rng.normal(0, 0.045, 2) * _FRAME
    turned = Plane(_PIXELS.x / depth - right, _PIXELS.y / depth - down).turned(turn)
    centre = (page.shape[0] - 1) / 2
    places = np.stack([centre + high * turned.y, centre + wide * (turned.x + slant * turned.y)])
    softened = ndimage.gaussian_filter(page, 0.4 * high)
    return np.clip(ndimage.map_coordinates(softened, places, order=1), 0, 1)


def _colours(rng: np.random.Generator) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Ink and wall, apart in brightness; the light colours both a little, paint each a little more."""
    light = rng.normal(0, 0.035, 3)
    wall = np.clip(rng.normal(0.47, 0.22), 0.05, 0.95)
    apart = rng.uniform(0.12, 0.75)
    up = rng.random() < 1 - wall
    ink = np.clip(wall + apart if up else wall - apart, 0.02, 0.98)
    return ink + light + _paint(rng), wall + light + _paint(rng)


def _paint(rng: np.random.Generator) -> Float64[np.ndarray, "3"]:
    """How paint differs from grey: mostly warm against cold, mostly little."""
    strength = abs(rng.normal(0, 0.08)) if rng.random() < 0.75 else abs(rng.normal(0, 0.25))
    warm = np.array([0.6, -0.05, -0.6]) * rng.choice([-1, 1], p=(0.5, 0.5))
    return np.asarray(strength * (warm + rng.normal(0, 0.25, 3)))


def _wall(colour: Float64[np.ndarray, "3"], rng: np.random.Generator) -> Float64[np.ndarray, "3 s s"]:
    """A wall: one colour, clouds, and now and then an edge beyond which there is something else."""
    wall = np.broadcast_to(colour[:, None, None], (3, _FRAME, _FRAME))
    wall = wall + abs(rng.normal(0, 0.05)) * clouds(rng, _FRAME, _CELLS)
    wall = wall + rng.normal(0, 0.05) * ramp(rng, _UNIT)
    if rng.random() < 0.2:  # siding, bricks, a grid
        period, angle = rng.uniform(5, 24), rng.choice([0, np.pi / 2]) + rng.normal(0, 0.08)
        x, y = np.meshgrid(*[np.arange(_FRAME)] * 2)
        waves = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 7))
        wall = wall + abs(rng.normal(0, 0.04)) * np.sign(waves) * np.abs(waves) ** rng.uniform(0.3, 1.5)
    for _ in range(rng.choice(4, p=(0.5, 0.3, 0.15, 0.05))):
        wall = wall + _edge(rng) * (rng.normal(0, 0.22) + rng.normal(0, 0.03, 3))[:, None, None]
    return np.asarray(wall)


def _edge(rng: np.random.Generator) -> Float64[np.ndarray, "s s"]:
    """One beyond a straight edge near the frame, zero before it: the rim of a plate, a door, a shadow."""
    angle = rng.choice(4) * np.pi / 2 + rng.normal(0, 0.08)
    beyond = _PIXELS.turned(angle).x - rng.uniform(0.22, 0.5) * _FRAME
    return np.asarray(np.clip(beyond / rng.uniform(1, 3) + 0.5, 0, 1))


def _shadow(mask: Float64[np.ndarray, "s s"], rng: np.random.Generator) -> Float64[np.ndarray, "s s"]:
    """How much of the light the digits take from the wall behind them."""
    shift = rng.normal(0, 2.2, 2) * _SCALE
    moved = ndimage.shift(mask, shift, order=1, mode="nearest")
    return np.asarray(rng.uniform(0.1, 0.6) * ndimage.gaussian_filter(moved, rng.uniform(0.3, 2) * _SCALE))


def _taken(scene: Float64[np.ndarray, "3 s s"], rng: np.random.Generator) -> Float64[np.ndarray, "3 32 32"]:
    """The photograph: blurred, averaged to the frame's pixels, with the noise of an enlarged picture."""
    blur = float(np.exp(rng.normal(-0.5, 0.45))) * _SCALE
    across = blur * float(np.exp(rng.normal(0, 0.15)))
    scene = ndimage.gaussian_filter(scene, (0, blur, across), mode="nearest")
    picture = scene.reshape(3, _SIDE, _SCALE, _SIDE, _SCALE).mean((2, 4))
    grain = rng.normal(size=(1, _SIDE, _SIDE)) + 0.4 * rng.normal(size=picture.shape)
    softness = rng.uniform(0, 1)
    noise = ndimage.gaussian_filter(grain, (0, softness, softness)) * (1 + 2 * softness)
    level = abs(rng.normal(0, 0.009))
    contrast = rng.uniform(0.55, 1.05)
    picture = 0.5 + contrast * (picture - 0.5) + rng.normal(0, 0.06)
    return np.asarray(np.clip(picture + level * noise, 0, 1))
