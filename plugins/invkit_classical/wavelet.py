"""Wavelet synthesis: a signal that is sparse in a wavelet basis, ``x = W⁻¹ c`` with an ℓ1 penalty on ``c``.

    image = invkit.prior("wavelet:db4?level=2")         # its shape follows from the measurement
    image = invkit.prior("wavelet:haar?level=3,shape=1x64x64")

The transform is periodised, so the latent has exactly the signal's own shape, in Mallat's layout:
approximation in the first corner, finer and finer details outwards (``pywt.coeffs_to_array`` of
``pywt.wavedec2(…, mode="periodization")``).
"""

from __future__ import annotations

import difflib

from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError, ShapeError, SpecError
from invkit_classical._dwt import analysis, detail_mask, filters, pywavelets, synthesis
from invkit_classical.identity import AnyShape


class Wavelet(AnyShape):
    """``C(c) = W⁻¹ c``, with the penalty ``Σ |c|`` over the details; values of the signal are free.

    For orthogonal wavelets (haar, dbN, symN, coifN) ``W⁻¹ = Wᵀ``; for biorthogonal ones it is the dual bank.
    ``dmey`` is a truncated Meyer filter, whose round trip is inexact (as in PyWavelets). The approximation
    coefficients are not penalised: they hold the local means, which are not sparse.

    Args:
        name: a discrete wavelet of PyWavelets: haar, db4, sym8, coif2, bior4.4, …
        level: how many times the low band is split again; the signal's sizes must be divisible by
            ``2**level``.
        shape: ``(channels, length)`` or ``(channels, height, width)``; None lets it follow from the
            measurement.

    Raises:
        SpecError: no such wavelet.
        InputError: a level below 1.
        ShapeError: sizes that cannot be split so often (says how often they can), or neither 1-D nor 2-D.
    """

    analysis_weights: Tensor
    synthesis_weights: Tensor

    def __init__(self, name: str = "db4", level: int = 2, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(shape)
        pywt = pywavelets()
        if name not in (known := pywt.wavelist(kind="discrete")):
            near = difflib.get_close_matches(name.lower(), known, n=1)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise SpecError(
                f"unknown wavelet {name!r}", hint=f"{guess}known: {', '.join(pywt.families())} families"
            )
        if level < 1:
            raise InputError(f"level={level}, expected at least 1", hint="write e.g. level=2")
        self.wavelet_name, self.level = name, level
        if shape is not None:
            _check_divisible(tuple(shape), level)
        # Constants of the name, not weights: they stay out of the state dict.
        for use, weights in zip(("analysis", "synthesis"), filters(name), strict=True):
            self.register_buffer(f"{use}_weights", weights, persistent=False)

    def forward(self, latent: Float[Tensor, "n channels *dims"]) -> Float[Tensor, "n channels *dims"]:
        _check_divisible(tuple(latent.shape[1:]), self.level)
        return synthesis(latent, self.synthesis_weights.to(latent), self.level)

    def encode(self, signal: Float[Tensor, "n channels *dims"]) -> Float[Tensor, "n channels *dims"]:
        _check_divisible(tuple(signal.shape[1:]), self.level)
        return analysis(signal, self.analysis_weights.to(signal), self.level)

    def penalty(
        self, latent: Float[Tensor, "n channels *dims"], signal: Float[Tensor, "n channels *dims"]
    ) -> Float[Tensor, "n"]:
        """``Σ |c|`` over the details; its gradient at a zero coefficient is 0."""
        return (latent.abs() * detail_mask(latent, self.level)).flatten(1).sum(1)

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        return Wavelet(self.wavelet_name, self.level, shape).to(self.analysis_weights.device)


def _check_divisible(shape: tuple[int, ...], level: int) -> None:
    """Whether a signal of this shape can be split so often."""
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ShapeError(
            f"wavelets take signals (channels, length) or (channels, height, width), got shape {shape}",
            hint="write e.g. shape=1x28x28",
        )
    most = min((size & -size).bit_length() - 1 for size in shape[1:])
    if level > most:
        remedy = f"write level={most}" if most else "pad the signal to even sizes"
        raise ShapeError(
            f"sizes {'x'.join(map(str, shape[1:]))} are not divisible by 2^{level}: "
            f"the largest level allowed is {most}",
            hint=remedy,
        )
