"""Synthetic things in front of a plain background, as a shop shows them.

    things = invkit.dataset("objects")
    x = things.take(torch.arange(64), "train")       # (64, 3, 64, 64), values in [0, 1]

One thing of one to five parts fills most of the frame. A part is a shape (see
:mod:`invkit_datasets.silhouettes`) with a paint, a texture and a rounded shading, laid over those before it:

    scene ← scene + mask·(paint·shading + texture − scene),

the background first, mostly white, now and then with the thing's shadow. All of it is seen a little out of
focus. The shapes are geometric and stand for no thing in particular; no photograph was measured to set
their ranges.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Float64
from scipy import ndimage
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit_datasets.silhouettes import Plane, clouds, grain, pictures, plane, ramp, silhouette

__all__ = ["Objects"]

_SIDE = 64
_SCALE = 2  # the scene is drawn at twice the resolution
_FRAME = _SIDE * _SCALE
_PIXELS = plane(_FRAME)
_PARTS_SHARE = (0.2, 0.25, 0.25, 0.18, 0.12)  # of things of one to five parts

_Scene = Float64[np.ndarray, "3 s s"]
_Mask = Float64[np.ndarray, "s s"]


class Objects(SampledDataset):
    """Random things on plain backgrounds: 64 × 64 pixels, three channels, 8 bits."""

    bytes_only: ClassVar[bool] = True
    chunk: ClassVar[int] = 10  # each takes a few hundredths of a second

    def __init__(self) -> None:
        super().__init__("objects", (3, _SIDE, _SIDE), {})

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 3 64 64"]:
        return pictures(n, rng, _picture, _SIDE)


def _picture(rng: np.random.Generator) -> Float64[np.ndarray, "3 64 64"]:
    masks = _thing(rng)
    whole = np.max(masks, axis=0)
    scene = _background(rng)
    if rng.random() < 0.4:
        scene = scene * (1 - _shadow(whole, rng))
    main, second = _paint(rng), _paint(rng)
    for mask in masks:
        colour = main if rng.random() < 0.5 else second if rng.random() < 0.6 else _paint(rng)
        scene = scene + mask * (_surface(colour, mask, rng) - scene)
        if rng.random() < 0.35:  # a seam along the rim
            rim = mask * (1 - ndimage.gaussian_filter(mask, rng.uniform(0.5, 1.5) * _SCALE)) * 2
            scene = scene * (1 - rng.uniform(0.1, 0.8) * np.clip(rim, 0, 1))
    light = rng.normal(0, 0.1) * ramp(rng, _PIXELS)
    scene = scene * (1 + whole * light)
    blur = rng.uniform(0.1, 0.6) * _SCALE
    scene = ndimage.gaussian_filter(scene, (0, blur, blur), mode="nearest")
    return np.clip(scene.reshape(3, _SIDE, _SCALE, _SIDE, _SCALE).mean((2, 4)), 0, 1)


def _thing(rng: np.random.Generator) -> list[_Mask]:
    """The masks of the parts, the largest first, brought together into a box that fills the frame."""
    turn = rng.normal(0, 0.25) if rng.random() < 0.8 else rng.uniform(0, np.pi)
    shapes = [silhouette(rng, 1.0, (0.0, 0.0), aspect=float(np.exp(rng.normal(0.25, 0.4))))]
    for _ in range(rng.choice(5, p=_PARTS_SHARE)):
        size = rng.uniform(0.15, 0.75)
        place = rng.uniform(-1, 1, 2) * (1.1 - 0.5 * size)
        shapes.append(silhouette(rng, size, tuple(place), aspect=float(np.exp(rng.normal(0.1, 0.5)))))
    if rng.random() < 0.15:  # one thing beside its like
        gap = rng.uniform(0.4, 1.2)
        shapes = [shape.moved(side * gap, side * rng.normal(0, 0.1)) for side in (-1, 1) for shape in shapes]
    wide = 2.6  # a plane that holds all parts
    rough = plane(_SIDE // 2).scaled(wide).turned(turn)
    covered = np.max([shape.mask(rough) for shape in shapes], axis=0) > 0.5
    rows, columns = (np.flatnonzero(covered.any(axis)) for axis in (1, 0))
    if not len(rows):
        return [np.zeros_like(_PIXELS.x)]
    cell = 2 * wide / len(covered)
    extent = (max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1) * cell
    zoom = extent / (2 * rng.uniform(0.6, 0.98))
    middle = [(pixels[0] + pixels[-1] + 1) / 2 * cell - wide for pixels in (columns, rows)]
    right, down = middle - zoom * rng.normal(0, 0.06, 2)
    near = Plane(_PIXELS.x * zoom + right, _PIXELS.y * zoom + down).turned(turn)
    return [shape.mask(near) for shape in shapes]


def _background(rng: np.random.Generator) -> _Scene:
    """White, nearly white, or, seldom, of any colour; seldom brighter at one side."""
    kind = rng.random()
    colour = np.ones(3)
    if kind > 0.75:
        colour = 1 - abs(rng.normal(0, 0.05)) - abs(rng.normal(0, 0.01, 3))
    if kind > 0.93:
        colour = _paint(rng)
    scene = np.broadcast_to(colour[:, None, None], (3, _FRAME, _FRAME))
    return scene * (1 - abs(rng.normal(0, 0.08)) * (1 + ramp(rng, _PIXELS)) / 2) if kind > 0.85 else scene


def _shadow(whole: _Mask, rng: np.random.Generator) -> _Mask:
    """How much of the light the thing takes from what is under and behind it."""
    shift = rng.uniform(0, 5) * _SCALE, rng.normal(0, 2) * _SCALE
    moved = ndimage.shift(whole, shift, order=1)
    return rng.uniform(0.05, 0.5) * _blurred(moved, rng.uniform(0.7, 4) * _SCALE)


def _paint(rng: np.random.Generator) -> Float64[np.ndarray, "3"]:
    """A colour: of any brightness, mostly dull, a fifth strong."""
    grey = rng.beta(0.9, 1.2)
    strength = abs(rng.normal(0, 0.1)) if rng.random() < 0.8 else rng.uniform(0.2, 0.6)
    hue = rng.normal(size=3)
    return np.clip(grey + strength * (hue - hue.mean()), 0.01, 0.99)


def _surface(colour: Float64[np.ndarray, "3"], mask: _Mask, rng: np.random.Generator) -> _Scene:
    """Paint, darker towards the rim as rounded things are, with a texture and perhaps a highlight."""
    shading = 1 + rng.normal(0, 0.2) * ramp(rng, _PIXELS) + abs(rng.normal(0, 0.1)) * clouds(rng, _FRAME)
    if rng.random() < 0.6:
        depth = _blurred(mask, rng.uniform(2, 9) * _SCALE)
        shading = shading * (1 - rng.uniform(0, 0.9) * np.clip(1.5 - 2 * depth, 0, 1))
    surface = colour[:, None, None] * shading
    if rng.random() < 0.35:
        surface = surface + _pattern(rng) * (_paint(rng) - colour)[:, None, None]
    if rng.random() < 0.25:
        light = np.clip(clouds(rng, _FRAME) - rng.uniform(0.3, 1.5), 0, 1)
        surface = surface + light * rng.uniform(0.1, 0.7)
    surface = surface + abs(rng.normal(0, 0.06)) * grain(rng, _FRAME)
    return np.clip(surface, 0, 1)


def _pattern(rng: np.random.Generator) -> _Mask:
    """Stripes, checks or blots, between 0 and 1."""
    kind = rng.random()
    if kind < 0.3:
        return np.asarray(np.clip(4 * (clouds(rng, _FRAME) - rng.normal()), 0, 1))
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 50)
    x, y = np.meshgrid(*[np.arange(_FRAME)] * 2)
    bent = 0.6 * rng.random() * period * clouds(rng, _FRAME) if rng.random() < 0.5 else 0.0
    along = x * np.cos(angle) + y * np.sin(angle) + bent
    across = y * np.cos(angle) - x * np.sin(angle)
    waves = np.sin(2 * np.pi * along / period + rng.uniform(0, 7))
    if kind > 0.8:
        waves = waves * np.sin(2 * np.pi * across / period)
    return np.asarray(np.clip(rng.uniform(1, 6) * (waves - rng.uniform(-0.5, 0.9)), 0, 1))


def _blurred(mask: _Mask, sigma: float) -> _Mask:
    """Blurred by a Gaussian, a wide one on a coarser grid."""
    if sigma < 4:
        return np.asarray(ndimage.gaussian_filter(mask, sigma))
    coarse = mask.reshape(len(mask) // 2, 2, len(mask) // 2, 2).mean((1, 3))
    return np.asarray(ndimage.gaussian_filter(coarse, sigma / 2).repeat(2, 0).repeat(2, 1))
