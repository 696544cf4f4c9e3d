"""What is known of a class of images: mean, principal components, spectrum of the rest, contrasts.

    moments = fit(batches, (3, 64, 64), rank=512, colour="joint")       # see invkit_gaussian.fitting
    moments.truncated(64)            # 64 components; the spectrum takes over what the others held

An image of C channels is, in colour coordinates given by an orthonormal C × C matrix Q, a sum

    x = μ + Q g,      g = a (V Λ^½ z + e) + level,     z ~ N(0, I_r),  e ~ stationary of spectrum S

in one of two ways. **Joint**: the r components V are images of all C channels, and Q is the class's own. It
suits aligned images of like colours, as faces are. **Axes**: every colour axis has components of its own,
all of the same V, Λ and S of one channel, and an own contrast a_j; Q are the principal colour axes of the
image at hand. It suits images that are alike in shape and not in colour, as house numbers are: two colours,
any two, in front of each other. There the mean is flat and the level of every channel is free, of standard
deviation ``level``, whatever the contrast. Of joint colour, a is one number for all channels.

The spectrum of e is the class's in the mean; an image may have more of it or less, and more or less of its
fine part (**texture**, see :mod:`invkit_gaussian.texture`).

Sources: M. Tipping and C. Bishop, "Probabilistic principal component analysis", J. R. Stat. Soc. B 61, 1999,
for the components with a remainder; that the remainder has a spectrum, and the axes, are ours.
"""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError

__all__ = ["Colour", "Moments", "half_spectrum", "signal_of"]

Colour = Literal["joint", "axes"]


@attrs.frozen(eq=False)
class Moments:
    """The second-order statistics of a class of images.

    Args:
        colour: joint or axes, see above.
        mean: μ, (C, H, W).
        basis: V Λ^½, the components scaled to their standard deviations, (r, C, H, W); of axes (r, 1, H, W).
        spectrum: S, the expected squared modulus of the unitary half DFT of e, (C, H, W // 2 + 1), above 0
            and, as e is real, alike at f and −f; of axes (1, H, W // 2 + 1).
        rotation: Q, (C, C), its columns the colour axes. Of axes: those of the class, used where an image has
            none.
        level: the standard deviation of every axis's level beside the model; 0: none.
        contrasts: (k,), the logarithms of typical contrasts: of every axis for axes, of one number or none
            for joint.
        spread: the standard deviation of the logarithm of a contrast.
        texture: c and L of the remainder's level and tilt, side by side, (2, 3); (2, 0) where every image has
            the same spectrum.
    """

    colour: Colour
    mean: Float[Tensor, "c h w"]
    basis: Float[Tensor, "r b h w"]
    spectrum: Float[Tensor, "b h half"]
    rotation: Float[Tensor, "c c"]
    level: float
    contrasts: Float[Tensor, "k"]
    spread: float
    texture: Float[Tensor, "2 t"] = attrs.Factory(lambda self: self.mean.new_zeros(2, 0), takes_self=True)

    @property
    def rank(self) -> int:
        """The number of principal components."""
        return len(self.basis)

    def truncated(self, rank: int | None) -> Moments:
        """The same with the leading ``rank`` components; the spectrum gains the power of those dropped, so
        that the variance of every frequency stays.
        """
        if rank is None or rank >= self.rank:
            return self
        if rank < 0:
            raise InputError(f"rank={rank}", hint="give 0 or more components")
        dropped = half_spectrum(self.basis[rank:]).abs().square().sum(0)
        return attrs.evolve(self, basis=self.basis[:rank], spectrum=self.spectrum + dropped)

    def to(self, like: Tensor) -> Moments:
        """The same in the dtype and on the device of a tensor."""
        names = ("mean", "basis", "spectrum", "rotation", "contrasts", "texture")
        return attrs.evolve(self, **{name: getattr(self, name).to(like) for name in names})


def half_spectrum(signal: Tensor) -> Tensor:
    """The unitary DFT over the last two axes, its non-redundant half (the last axis has W // 2 + 1 bins)."""
    if not signal.numel():  # of no images; MKL refuses
        half = signal[..., : signal.shape[-1] // 2 + 1]
        return torch.complex(half, half)
    return torch.fft.rfft2(signal, norm="ortho")


def signal_of(spectrum: Tensor, size: tuple[int, int]) -> Tensor:
    """The real signals of half spectra."""
    if not spectrum.numel():
        return spectrum.real.new_zeros(*spectrum.shape[:-2], *size)
    return torch.fft.irfft2(spectrum, s=size, norm="ortho")
