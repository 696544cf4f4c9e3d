"""Half spectra of real signals: the real FFT, zero padding and cropping, phases and energies.

A real signal's DFT is symmetric, so half of it says all. Every function here works on the last ``len(size)``
axes, one to three of them. The spectrum of images is kept **transposed**, (…, width // 2 + 1, height): the
order in which the second of the two transforms leaves it in memory, and everything done to a spectrum
takes half the time or less when it need not be put in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

Size = tuple[int, ...]

BLOCK_BYTES = 1 << 19
"""What one spectrum may take in a block of a batch: several of them fit a core's cache together (measured).
"""


def half_spectrum(signal: Tensor, size: Size) -> Tensor:
    """The half spectrum of a real signal, zero-padded at its end to ``size``.

    Rows are transformed before rows of zeros are added: those need no transform.
    """
    spectrum = torch.fft.rfft(signal, n=size[-1])
    if len(size) == 3:
        return torch.fft.fft(torch.fft.fft(spectrum, n=size[1], dim=-2), n=size[0], dim=-3)
    return torch.fft.fft(spectrum, n=size[0], dim=-2).mT if len(size) == 2 else spectrum


def from_half_spectrum(spectrum: Tensor, size: Size, support: Size) -> Tensor:
    """The real signal of a half spectrum of ``size``, cropped to its first ``support`` pixels: padding's
    adjoint.
    """
    if len(size) == 2:
        spectrum = torch.fft.ifft(spectrum)[..., : support[0]].mT
    elif len(size) == 3:
        spectrum = torch.fft.ifft(spectrum, dim=-3)[..., : support[0], :, :]
        spectrum = torch.fft.ifft(spectrum, dim=-2)[..., : support[1], :]
    return torch.fft.irfft(spectrum, n=size[-1])[..., : support[-1]]


def kernel_origin(support: Size) -> Size:
    """The pixel ``size // 2`` of a kernel: one that is 1 there and 0 elsewhere does not move the image."""
    return tuple(length // 2 for length in support)


def transfer(w: Tensor, size: Size, start: Size) -> Tensor:
    """The half spectrum of kernels padded to ``size``, their pixel ``start`` moved to the first."""
    spectrum = half_spectrum(w, size)
    return spectrum * shift_phase(size, start, spectrum.dtype, spectrum.device)


def low_transfer(w: Tensor, size: Size, start: Size, largest: Size) -> Tensor:
    """The low frequencies of :func:`transfer` of images, in the layout of ``torch.fft.rfft2``: from 0 to the
    largest, and in the first axis also those below 0. Kernels are small: two products of matrices are quicker
    than transforms of padded ones.
    """
    axes = zip(size, start, largest, w.shape[2:], (True, False), strict=True)
    down, across = (_waves(*axis, w.dtype, w.device) for axis in axes)
    rows = w @ torch.view_as_real(across).flatten(1)  # a real signal's: real and imaginary parts side by side
    return down.mT @ torch.view_as_complex(rows.unflatten(-1, (-1, 2)))


@lru_cache(maxsize=32)
def _waves(
    length: int, shift: int, most: int, extent: int, signed: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """``exp(−2πi k (q − shift) / length)`` for pixels q (rows) and frequencies k (columns)."""
    frequencies = torch.tensor([*range(most + 1), *(range(-most, 0) if signed else ())], device="cpu")
    # whole turns are taken out in integers, so that the angle is exact
    turns = ((torch.arange(extent, device="cpu") - shift)[:, None] * frequencies % length).double() / length
    waves = torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)
    return waves.to(dtype=dtype.to_complex(), device=device)


@lru_cache(maxsize=32)
def shift_phase(size: Size, shift: Size, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The factor ``exp(2πi k·shift / size)`` of the half spectrum that rolls a signal by ``-shift``."""
    phase = torch.ones((), dtype=torch.complex128, device="cpu")
    for axis, (length, offset) in enumerate(zip(size, shift, strict=True)):
        bins = length // 2 + 1 if axis == len(size) - 1 else length
        # whole turns are taken out in integers, so that the angle is exact for any size
        turns = (torch.arange(bins, device="cpu") * offset % length).to(torch.float64) / length
        phase = torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)[(..., *[None] * axis)] * phase
    phase = phase.permute(2, 1, 0) if len(size) == 3 else phase
    return phase.to(dtype=dtype, device=device)


def energy(spectrum: Tensor, size: Size) -> Tensor:
    """``‖s‖²`` of every signal of the batch, from its half spectrum, by Parseval's theorem.

    Bins that stand for two of the full spectrum count twice: all but the first and, for an even length, the
    last.
    """
    bins = spectrum.mT if len(size) == 2 else spectrum
    total = 2 * _squared_norm(spectrum) - _squared_norm(bins[..., 0])
    if size[-1] % 2 == 0:
        total = total - _squared_norm(bins[..., -1])
    return total / prod(size)


def multipliers(transferred: Tensor, size: Size) -> Tensor:
    """A spectrum in the layout of ``torch.fft.rfftn``."""
    return transferred.mT if len(size) == 2 else transferred


def by_parts(function: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """A bilinear function of real signals at signals of which at least one is complex: of their parts."""
    if a.is_complex() and b.is_complex():
        real = function(a.real, b.real) - function(a.imag, b.imag)
        return torch.complex(real, function(a.real, b.imag) + function(a.imag, b.real))
    if a.is_complex():
        return torch.complex(function(a.real, b), function(a.imag, b))
    return torch.complex(function(a, b.real), function(a, b.imag))


def in_blocks(
    function: Callable[..., tuple[Tensor, ...]], *signals: Tensor, size: Size
) -> tuple[Tensor, ...]:
    """``function`` applied to a batch, on a CPU in blocks that stay in its cache.

    Pairs of a batch do not depend on each other, so this changes no result.
    """
    largest = max(signals, key=lambda signal: signal.shape[1])
    one = largest.shape[1] * prod(size) * largest.element_size()
    length = max(1, BLOCK_BYTES // one) if largest.device.type == "cpu" else largest.shape[0]
    if largest.shape[0] <= length:
        return function(*signals)
    blocks = zip(*(signal.split(length) for signal in signals), strict=True)
    return tuple(torch.cat(parts) for parts in zip(*(function(*block) for block in blocks), strict=True))


def _squared_norm(spectrum: Tensor) -> Tensor:
    return torch.linalg.vector_norm(torch.view_as_real(spectrum).flatten(1), dim=1).square()
