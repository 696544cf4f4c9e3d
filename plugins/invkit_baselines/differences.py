"""Forward differences, total variation and its shrinkage, for signals of any number of axes.

    d = differences(x)                       # (n, axes, c, *dims), d[:, a] along axis a
    shrink(d, 0.05, "joint")                 # argmin over v of ½‖v − d‖² + 0.05·TV-norm(v)
    total_variation(x, "joint")              # (n,)

Differences wrap around, ``(D_a x)[p] = x[p + e_a] − x[p]`` with indices modulo the size: so ``DᵀD`` is
diagonal in the DFT. The differences that do wrap, from the last pixel of an axis to its first, are **not
counted** in the total variation: two borders of a picture have nothing to do with each other. (In an ADMM
this costs nothing: the shrinkage leaves those differences alone.)

The isotropic total variation (Rudin, Osher, Fatemi 1992) of a picture of several channels is, with the norm
over axes and, if ``joint``, over channels too (Bresson and Chan 2008),

    joint:     Σ_p √(Σ_c Σ_a (D_a x_c)²[p])              separate:     Σ_c Σ_p √(Σ_a (D_a x_c)²[p])
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

Colour = Literal["joint", "separate"]


def differences(x: Inexact[Tensor, "n c *dims"]) -> Inexact[Tensor, "n axes c *dims"]:
    """``D x``: for every axis after the channels, the differences to the next pixel, wrapping around."""
    return torch.stack([x.roll(-1, axis) - x for axis in range(2, x.ndim)], 1)


def differences_adjoint(d: Inexact[Tensor, "n axes c *dims"]) -> Inexact[Tensor, "n c *dims"]:
    """``Dᵀ d``: the negative divergence."""
    parts = [part.roll(1, axis) - part for axis, part in enumerate(d.unbind(1), start=2)]
    return torch.stack(parts).sum(0)


def laplacian_spectrum(like: Float[Tensor, "n c *dims"]) -> Float[Tensor, "1 1 *half"]:
    """The half-spectrum multipliers of ``DᵀD``: ``Σ_a 2 − 2 cos(2π k_a / N_a)``."""
    size = like.shape[2:]
    total = torch.zeros((), dtype=torch.float64)
    for axis, length in enumerate(size):
        bins = length // 2 + 1 if axis == len(size) - 1 else length
        wave = 2 - 2 * torch.cos(2 * torch.pi * torch.arange(bins, dtype=torch.float64) / length)
        total = total[..., None] + wave
    return total.to(like)[None, None]


def shrink(
    d: Inexact[Tensor, "n axes c *dims"], threshold: float, colour: Colour
) -> Inexact[Tensor, "n axes c *dims"]:
    """The proximal map of ``threshold·TV`` as a function of the differences: vectors are shortened by it.

    ``v (1 − threshold/|v|)₊`` for the vector ``v`` of every pixel, except for what wraps around, which stays.
    """
    counted = _counted(d)
    length = _length(counted * d, colour)
    kept = (1 - threshold / length.clamp_min(torch.finfo(d.dtype).tiny)).clamp_min(0)
    return torch.where(counted.bool(), kept * d, d)


def total_variation(x: Inexact[Tensor, "n c *dims"], colour: Colour) -> Float[Tensor, "n"]:
    """The isotropic total variation of every signal, not smoothed, in units of the signal."""
    d = differences(x)
    return _length(_counted(d) * d, colour).flatten(1).sum(1)


def _length(d: Tensor, colour: Colour) -> Tensor:
    """The norm of every pixel's vector, with axes of one where it was taken over."""
    squares = d.abs().square() if d.is_complex() else d.square()  # many times faster than vector_norm here
    return squares.sum((1, 2) if colour == "joint" else 1, keepdim=True).sqrt()


def _counted(d: Tensor) -> Tensor:
    """(1, axes, 1, *dims): 1 where a difference counts, 0 where it wraps around."""
    counted = d.new_ones(1, d.shape[1], 1, *d.shape[3:])
    for axis in range(d.shape[1]):
        counted[:, axis].select(axis + 2, -1).zero_()
    return counted
