"""The periodised discrete wavelet transform in torch, on the last one or two axes, in Mallat's layout.

    bank = filter_bank("db4")
    coefficients = analysis(x, bank.analysis, level=3, dims=2)
    x = synthesis(coefficients, bank.synthesis, level=3, dims=2)

The coefficients are those of ``pywt.wavedec2(x, "db4", "periodization", 3)``; synthesis is the inverse, and
for orthogonal wavelets the transpose. One level along one axis of even length N, with filters f of length 2q
(indices modulo N, PyWavelets' alignment; g are the reversed dual filters):

    c[k] = Σⱼ f[j] x[2k + q − j]                             (analysis, stride 2)
    x[2m + p] = Σᵢ g[2i + q − p] c[m + i],   p = 0, 1        (synthesis, one phase each)

Both are one convolution over a periodic extension, so they are differentiable, batched, and exact for any N,
however short. For short axes the same map is applied as a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pywt
import torch
import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor

#: up to this size one matrix product is faster than a convolution of two channels (measured on a CPU)
_MATRIX_UP_TO = 256


@attrs.frozen(eq=False)
class FilterBank:
    """A wavelet's filters in float64, arranged as the weights of the convolutions."""

    #: (low and high, 1, 2q)
    analysis: Float[Tensor, "2 1 taps"]
    #: (phase, low and high, 2⌊q/2⌋ + 1), zero where a phase has no tap
    synthesis: Float[Tensor, "2 2 phasetaps"]


def filter_bank(name: str) -> FilterBank:
    """The filters of a discrete wavelet that PyWavelets knows (raises ValueError otherwise)."""
    wavelet = pywt.Wavelet(name)
    decomposition = torch.tensor([wavelet.dec_lo, wavelet.dec_hi], dtype=torch.float64)
    dual = torch.tensor([wavelet.rec_lo, wavelet.rec_hi], dtype=torch.float64).flip(1)
    half = dual.shape[1] // 2
    reach = half // 2
    phases = torch.zeros(2, 2, 2 * reach + 1, dtype=torch.float64)
    for phase in range(2):
        for tap in range(2 * reach + 1):
            j = 2 * (tap - reach) + half - phase
            if 0 <= j < 2 * half:
                phases[phase, :, tap] = dual[:, j]
    return FilterBank(decomposition.flip(1)[:, None], phases)


def analysis(
    signal: Float[Tensor, "n channels *dims"], weights: Float[Tensor, "2 1 taps"], level: int, dims: int
) -> Float[Tensor, "n channels *dims"]:
    """The coefficients of a signal: level by level, each on the low-low corner of the one before.

    The sizes of the last ``dims`` axes must be divisible by ``2**level``. The layout is that of
    ``pywt.coeffs_to_array``.
    """
    if level == 0:
        return signal
    once = signal
    for axis in range(-dims, 0):
        once = _along(axis, once, lambda row: _analyse_rows(row, weights))
    corner = _corner(once, dims, 1)
    return _with_corner(once, analysis(once[corner], weights, level - 1, dims), corner)


def synthesis(
    coefficients: Float[Tensor, "n channels *dims"],
    weights: Float[Tensor, "2 2 phasetaps"],
    level: int,
    dims: int,
) -> Float[Tensor, "n channels *dims"]:
    """The signal of coefficients: the inverse of :func:`analysis` with the same bank."""
    if level == 0:
        return coefficients
    corner = _corner(coefficients, dims, 1)
    once = _with_corner(coefficients, synthesis(coefficients[corner], weights, level - 1, dims), corner)
    for axis in range(-dims, 0):
        once = _along(axis, once, lambda row: _synthesise_rows(row, weights))
    return once


def detail_mask(coefficients: Float[Tensor, "n channels *dims"], level: int) -> Float[Tensor, "*dims"]:
    """1 at detail coefficients, 0 at the approximation's; in the coefficients' sizes, dtype and device."""
    mask = coefficients.new_ones(coefficients.shape[2:])
    mask[_corner(mask, mask.ndim, level)] = 0
    return mask


def _analyse_rows(rows: Tensor, weights: Tensor) -> Tensor:
    """(b, N) → (b, N): low half, then high half."""
    length, taps = rows.shape[1], weights.shape[-1]
    extended = torch.arange(length + taps - 2, device=rows.device) + taps // 2 - taps + 1
    bands = functional.conv1d(rows[:, None].index_select(2, extended % length), weights, stride=2)
    return bands.flatten(1)


def _synthesise_rows(rows: Tensor, weights: Tensor) -> Tensor:
    """(b, N), low half then high half → (b, N): the two phases, interleaved."""
    half, taps = rows.shape[1] // 2, weights.shape[-1]
    extended = torch.arange(half + taps - 1, device=rows.device) - taps // 2
    bands = rows.reshape(-1, 2, half).index_select(2, extended % half)
    return functional.conv1d(bands, weights).transpose(1, 2).flatten(1)


def _along(axis: int, signal: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A linear function of rows (b, N), applied along the last axis or the one before it."""
    size = signal.shape[axis]
    if size <= _MATRIX_UP_TO:
        matrix = function(torch.eye(size, dtype=signal.dtype, device=signal.device))
        return signal @ matrix if axis == -1 else matrix.T @ signal
    moved = signal.movedim(axis, -1)
    return function(moved.reshape(-1, size)).reshape(moved.shape).movedim(-1, axis)


def _corner(signal: Tensor, dims: int, level: int) -> Any:
    """The index of the approximation: the first ``1/2**level`` of the last ``dims`` axes."""
    return (..., *(slice(size >> level) for size in signal.shape[-dims:]))


def _with_corner(signal: Tensor, values: Tensor, corner: Any) -> Tensor:
    """A copy of the signal with its corner replaced."""
    result = signal.clone()
    result[corner] = values
    return result
