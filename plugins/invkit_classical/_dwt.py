"""The periodised discrete wavelet transform in torch, on the last one or two axes, in Mallat's layout.

    decomposition, reconstruction = filters("db4")
    coefficients = analysis(x, decomposition, level=3)
    x = synthesis(coefficients, reconstruction, level=3)

The coefficients are those of ``pywt.wavedec2(x, "db4", "periodization", 3)``; synthesis is the inverse, and
for orthogonal wavelets the transpose. One level along one axis of even length N, with filters f of length 2q
(indices modulo N, PyWavelets' alignment):

    c[k] = Σⱼ f[j] x[2k + q − j]

Synthesis is the transpose of this map for the reversed dual filters. Both are one convolution over a periodic
extension, so they are differentiable, batched, and exact for any N, however short. For short axes the same
map is applied as a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor

from invkit.errors import MissingExtra

#: up to this size one matrix product is faster than a convolution of two channels (measured on a CPU)
_MATRIX_UP_TO = 256


def pywavelets() -> Any:
    """PyWavelets, whose filters these are.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pywt
    except ImportError as error:
        raise MissingExtra("wavelets", "pywavelets", "wavelets") from error
    return pywt


def filters(name: str) -> tuple[Float[Tensor, "2 1 taps"], Float[Tensor, "2 1 taps"]]:
    """The weights, low and high, for analysis and for synthesis with a wavelet that PyWavelets knows."""
    wavelet = pywavelets().Wavelet(name)
    bank = wavelet.dec_lo, wavelet.dec_hi, wavelet.rec_lo, wavelet.rec_hi
    weights = torch.tensor(bank, dtype=torch.float64, device="cpu")[:, None]
    return weights[:2].flip(2), weights[2:].clone()


def analysis(
    signal: Float[Tensor, "n channels *dims"], weights: Float[Tensor, "2 1 taps"], level: int
) -> Float[Tensor, "n channels *dims"]:
    """The coefficients of a signal: level by level, each on the low-low corner of the one before.

    The sizes must be divisible by ``2**level``. The layout is that of ``pywt.coeffs_to_array``.
    """
    if level == 0:
        return signal
    for axis in range(2, signal.ndim):
        signal = _along(axis, signal, lambda row: _analyse_rows(row, weights))
    corner = _corner(signal.shape[2:], 1)
    return _with_corner(signal, analysis(signal[corner], weights, level - 1), corner)


def synthesis(
    coefficients: Float[Tensor, "n channels *dims"], weights: Float[Tensor, "2 1 taps"], level: int
) -> Float[Tensor, "n channels *dims"]:
    """The signal of coefficients: the inverse of :func:`analysis` with the weights of the same wavelet."""
    if level == 0:
        return coefficients
    corner = _corner(coefficients.shape[2:], 1)
    signal = _with_corner(coefficients, synthesis(coefficients[corner], weights, level - 1), corner)
    for axis in range(2, signal.ndim):
        signal = _along(axis, signal, lambda row: _synthesise_rows(row, weights))
    return signal


def detail_mask(coefficients: Float[Tensor, "n channels *dims"], level: int) -> Float[Tensor, "*dims"]:
    """1 at detail coefficients, 0 at the approximation's; in the coefficients' sizes, dtype and device."""
    mask = coefficients.new_ones(coefficients.shape[2:])
    mask[_corner(mask.shape, level)] = 0
    return mask


def _analyse_rows(rows: Tensor, weights: Tensor) -> Tensor:
    """(b, N) → (b, N): low half, then high half."""
    extended = rows.index_select(1, _extension(rows, weights))
    return functional.conv1d(extended[:, None], weights, stride=2).flatten(1)


def _synthesise_rows(rows: Tensor, weights: Tensor) -> Tensor:
    """(b, N), low half then high half → (b, N): the transpose of :func:`_analyse_rows`."""
    bands = rows.unflatten(1, (2, rows.shape[1] // 2))
    extended = functional.conv_transpose1d(bands, weights, stride=2)[:, 0]
    return torch.zeros_like(rows).index_add(1, _extension(rows, weights), extended)


def _extension(rows: Tensor, weights: Tensor) -> Tensor:
    """The index in a row of each entry of its periodic extension."""
    length, taps = rows.shape[1], weights.shape[-1]
    return (torch.arange(length + taps - 2, device=rows.device) + taps // 2 - taps + 1) % length


def _along(axis: int, signal: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A linear function of rows (b, N), applied along one axis of a batch of one or two dimensions."""
    size = signal.shape[axis]
    if size <= _MATRIX_UP_TO:
        matrix = function(torch.eye(size, dtype=signal.dtype, device=signal.device))
        return signal @ matrix if axis == signal.ndim - 1 else matrix.T @ signal
    moved = signal.movedim(axis, -1)
    return function(moved.reshape(-1, size)).reshape(moved.shape).movedim(-1, axis)


def _corner(sizes: Sequence[int], level: int) -> Any:
    """The index of the approximation: the first ``1/2**level`` of the last axes."""
    return (..., *(slice(size >> level) for size in sizes))


def _with_corner(signal: Tensor, values: Tensor, corner: Any) -> Tensor:
    """A copy of the signal with its corner replaced."""
    result = signal.clone()
    result[corner] = values
    return result
