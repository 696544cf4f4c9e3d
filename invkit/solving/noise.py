"""The standard deviation of a measurement's noise, estimated from the measurement alone.

    sigma = noise_level(y)                   # (n,), in units of y

A blurry picture has next to nothing at the finest scale, so what is there is noise. Its response to the mask

     1 −2  1
    −2  4 −2      has the standard deviation 6σ where the noise is white,
     1 −2  1

and planes and edges along the axes give none. The median modulus over 0.6745, its value for N(0, 1), stands
for the deviation, since a few edges must not count. Signals of one dimension take the row 1 −2 1. Three
things would mislead the median:

- Saturated pixels show no noise. Responses that touch a measurement's least or largest value are left out.
- JPEG removes the finest scale and leaves blocks of 8 pixels. Where responses repeat with that period, two
  other estimates are made and the largest counts: from means of 2 × 2 pixels, where most of the noise
  survives, and from the jumps between blocks. The error of JPEG itself and of the noise that it has left
  differs from block to block, so a step at a border of two exceeds the mean of the steps beside it. The error
  is nearly the same in all channels; it is that of the channels' sum over √c that is estimated. The factor
  was found on BSDS500's training photographs, blurred, at qualities of 40 to 95; there the estimate is nearly
  always within a quarter.
- With too few pixels for a response there is nothing to estimate: the least noise that is looked for.

Sources: J. Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64(2), 1996
(there the mean modulus); D. Donoho and I. Johnstone, Biometrika 81(3), 1994 (the median).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Inexact
from torch import Tensor
from torch.nn.functional import avg_pool2d

__all__ = ["LEAST_NOISE", "noise_level"]

LEAST_NOISE = 1e-3
"""The least standard deviation that is looked for, in units of y: about the rounding to 8 bits."""

_NORMAL_MEDIAN = 0.6745
_BLOCK = 8
_OF_JUMP = 0.53
"""The deviation of a block's error over that of a jump, for errors that are partly constant in a block."""
_FEWEST = 64
"""Pixels a side that tell JPEG's blocks from chance."""
_BAND, _ENOUGH = 128, 1 << 20
"""Rows of a band, and pixels that are enough for an estimate."""


def noise_level(y: Inexact[Tensor, "n c *dims"]) -> Float[Tensor, "n"]:
    """The noise's standard deviation of every measurement, at least ``LEAST_NOISE``."""
    return torch.cat([_one(each[None]) for each in y]) if len(y) else y.flatten(1).sum(1)


def _one(y: Inexact[Tensor, "1 c *dims"]) -> Float[Tensor, "1"]:
    extremes, channels = y.aminmax(), y.shape[1] if y.ndim == 4 else 1
    y = _bands(y)
    axes = [axis for axis in range(2, y.ndim)[-2:] if y.shape[axis] >= 3]
    if not axes:
        return y.new_full((1,), LEAST_NOISE)
    sizes, free = _responses(y, extremes, axes)
    level = _deviation(sizes, free)
    if len(axes) == 2 and min(y.shape[-2:]) >= _FEWEST and _in_blocks(sizes):
        means = avg_pool2d(y.reshape(1, -1, *y.shape[-2:]), 2)
        level = torch.maximum(level, 2 * _deviation(*_responses(means, extremes, [2, 3])))
        level = torch.maximum(level, _between_blocks(y.reshape(-1, channels, *y.shape[-2:]), extremes))
    return level.clamp(min=LEAST_NOISE)[None]


def _bands(y: Inexact[Tensor, "1 c *dims"]) -> Inexact[Tensor, "1 m *some"]:
    """Bands of rows in place of a large picture, side by side as channels, for time and memory."""
    rows = y.shape[-2]
    many = _ENOUGH // max(1, _BAND * y.shape[-1])
    if y.ndim != 4 or many < 1 or rows <= many * _BAND:
        return y
    starts = torch.linspace(0, rows - _BAND, many).long() // _BLOCK * _BLOCK
    return torch.cat([y[..., start : start + _BAND, :] for start in starts.tolist()], 1)


def _responses(
    y: Tensor, extremes: tuple[Tensor, Tensor], axes: list[int]
) -> tuple[Float[Tensor, "..."], Bool[Tensor, "..."]]:
    """Moduli of the mask's responses over the deviation they have for σ = 1, and where nothing is clipped."""
    least, largest = extremes
    sizes, clipped = y, ((y == least) | (y == largest)).to(y.dtype)
    for axis in axes:
        left, middle, right = (sizes.narrow(axis, k, sizes.shape[axis] - 2) for k in range(3))
        sizes = (left - 2 * middle + right) / 6**0.5
        left, middle, right = (clipped.narrow(axis, k, clipped.shape[axis] - 2) for k in range(3))
        clipped = left + middle + right
    return sizes.abs(), clipped == 0


def _deviation(sizes: Tensor, free: Tensor) -> Tensor:
    """From the median modulus of the free responses, of all where none is free."""
    kept = sizes[free]
    return (kept if len(kept) else sizes).median() / _NORMAL_MEDIAN


def _in_blocks(sizes: Inexact[Tensor, "1 *bands h w"]) -> bool:
    """Whether responses are larger at every eighth row and column than between them."""
    capped = sizes.clamp(max=3 * sizes.median() + LEAST_NOISE).reshape(-1, *sizes.shape[-2:]).mean(0)
    ratios = []
    for profile in (capped.mean(1), capped.mean(0)):
        phases = profile[: len(profile) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(0)
        pairs = phases + phases.roll(-1)  # two responses touch both sides of a block's edge
        ratios.append(pairs.max() / pairs.median().clamp_min(torch.finfo(pairs.dtype).tiny))
    return bool(min(ratios) > 1.08 + 8 / min(capped.shape))


def _between_blocks(y: Float[Tensor, "bands c h w"], extremes: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
    """The deviation of the error of JPEG's blocks, by the jumps between them along both axes."""
    least, largest = extremes
    free = ((y != least) & (y != largest)).all(1)
    total = y.sum(1) / y.shape[1] ** 0.5
    found = []
    for axis in (1, 2):
        step = total.diff(dim=axis).movedim(axis, 0)
        jumps = (step[1:-1] - (step[:-2] + step[2:]) / 2).abs()
        sound = free.movedim(axis, 0).unfold(0, 4, 1).all(-1)
        phases = [
            _deviation(jumps[phase::_BLOCK], sound[phase::_BLOCK]).square() for phase in range(_BLOCK)
        ]
        most = torch.stack(phases).argmax()
        found.append(phases[int(most)] - phases[(int(most) + _BLOCK // 2) % _BLOCK])
    return _OF_JUMP * torch.stack(found).mean().clamp(min=0).sqrt()
