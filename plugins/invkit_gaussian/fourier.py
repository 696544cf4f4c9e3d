"""What the posterior needs of a prior alone, in the DFT: its components, its spectrum and their products.

    block = Block(basis, spectrum, level)
    block.spectra(x)              # half spectra of images, (n, c, f)
    block.gram(weights)           # (n, r, r)

A Gram matrix Σ_f ω_f Re(v_f v_fᴴ), with v_f the f-th row of F(V Λ^½), is the cost of the evidence where the
operator is a circular convolution (:mod:`invkit_gaussian.diagonal`); its weights are ω = a²|K|²/N. The
products are the same for all candidates, so their r(r + 1)/2 different entries are tabulated once. The Gram
matrices of all candidates are then one product of matrices, weights × table, of a fraction of the operations
that each Gram matrix alone would take. Where the table would be too large, or takes longer to read than a few
candidates do without it, each is worked out from the components.
"""

from __future__ import annotations

import copy
import math
from functools import cached_property

import attrs
import torch
from jaxtyping import Complex, Float, Inexact
from torch import Tensor

from invkit.solving import half_weights
from invkit_gaussian.moments import half_spectrum

__all__ = ["Block", "Scale", "Size", "squared"]

Size = tuple[int, int]

#: what a table may take, in numbers
_TABLE_LIMIT = 60_000_000
#: numbers of the table for each candidate: of more, reading them takes longer than the products themselves
_READ_LIMIT = 4_000_000
#: how wide the strips are that a Gram matrix is made in
_STRIP = 128


@attrs.frozen(eq=False)
class Scale:
    """By how much candidates have more or less of a block than is typical."""

    #: a
    contrast: Float[Tensor, "n"]
    #: T; none: 1
    texture: Float[Tensor, "n f"] | None = None


class Block:
    """Components and remainder of channels that belong together.

    Args:
        basis: V Λ^½, (r, c, h, w).
        spectrum: S, (c, h, w // 2 + 1).
        level: the standard deviation of every channel's mean beside the model.
    """

    def __init__(
        self, basis: Float[Tensor, "r c h w"], spectrum: Float[Tensor, "c h half"], level: float
    ) -> None:
        self.basis = basis
        self.size: Size = (basis.shape[-2], basis.shape[-1])
        self.channels, self.rank = basis.shape[1], basis.shape[0]
        self.numbers = self.channels * math.prod(self.size)
        self.bins = half_weights(self.size, spectrum)
        self.power = spectrum.flatten(1)
        self.free = torch.zeros_like(self.bins)
        self.free[0, 0] = level**2 * math.prod(self.size)
        self.free = self.free.flatten()
        self.counts = self.bins.flatten()
        # rows: channel by channel, bin by bin; doubled bins count by the root of 2
        components = half_spectrum(basis) * self.bins.sqrt()
        self.rows = components.flatten(2).permute(1, 2, 0).flatten(0, 1)
        self._real = _parts(self.rows)
        self._upper = torch.triu_indices(self.rank, self.rank, device=basis.device)
        #: the largest frequencies that there are, down and across; none: all
        self.largest: Size | None = None
        #: the bins that have components, numbered channel by channel; none: all
        self.held: Tensor | None = None

    def within(self, share: float) -> Block:
        """The same of low frequencies alone: at most this share of the largest, down and across."""
        low = copy.copy(self)
        low.largest = math.floor(share * (self.size[0] // 2)), math.floor(share * (self.size[1] // 2))
        low.power, low.free = low.cut(self.power), low.cut(self.free)
        low.counts = low.cut(self.counts)
        low.numbers = self.channels * int(low.counts.sum())
        low.rows = low.cut(self.rows.unflatten(0, (self.channels, -1)).mT).mT.flatten(0, 1)
        low._real = _parts(low.rows)
        return low

    def concentrated(self, least: float) -> Block:
        """The same block with weak components left to the remainder.

        A bin is weak where the components' variance is less than ``least`` times that of the remainder.
        Components are zero there, and the remainder has their variance beside its own.
        """
        sparse = copy.copy(self)
        variance = self.rows.abs().square().sum(1) / self.counts.repeat(self.channels)
        few = variance < least * (self.power + self.free).flatten()
        sparse.held = (~few).nonzero()[:, 0]
        sparse.power = self.power + (variance * few).view(self.power.shape)
        sparse.rows = self.rows[sparse.held]
        sparse._real = _parts(sparse.rows)
        return sparse

    def cut(self, bins: Inexact[Tensor, "*n all"]) -> Inexact[Tensor, "*n f"]:
        """Of all bins of the half spectrum those that this block has."""
        if self.largest is None:
            return bins
        down, across = self.largest
        grid = bins.unflatten(-1, tuple(self.bins.shape))[..., : across + 1]
        ends = grid[..., : down + 1, :], grid[..., self.size[0] - down :, :]
        return torch.cat(ends if down else ends[:1], -2).flatten(-2)

    def spectra(self, signal: Float[Tensor, "n c h w"]) -> Complex[Tensor, "n c f"]:
        """Half spectra, doubled bins times the root of 2: their squared norm is the signal's."""
        return (half_spectrum(signal) * self.bins.sqrt()).flatten(2)

    def signals(self, spectra: Complex[Tensor, "n c f"]) -> Float[Tensor, "n c h w"]:
        """The inverse of :meth:`spectra`."""
        bins = spectra.unflatten(2, tuple(self.bins.shape)) / self.bins.sqrt()
        return torch.fft.irfft2(bins, s=self.size, norm="ortho")

    def variances(self, scale: Scale) -> Float[Tensor, "n c f"]:
        """``P = a²ST + level``, the variances of the remainder's bins."""
        power = scale.contrast[:, None, None].square() * self.power
        return (power if scale.texture is None else power * scale.texture[:, None]) + self.free

    def span(self, z: Float[Tensor, "n r"], contrast: Float[Tensor, "n"]) -> Complex[Tensor, "n c f"]:
        """``a F(V Λ^½) z``."""
        made = torch.view_as_complex(((z * contrast[:, None]) @ self._real).unflatten(1, (-1, 2)))
        return self._spread(made).unflatten(1, (self.channels, -1))

    def project(
        self, spectra: Complex[Tensor, "n c f"], weights: Float[Tensor, "n c f"]
    ) -> Float[Tensor, "n r"]:
        """``Re(F(V Λ^½)ᴴ s)`` of spectra s times real weights."""
        weighted = self._taken((spectra * weights).flatten(1))
        return torch.view_as_real(weighted).flatten(1) @ self._real.T

    def draw(self, scale: Scale, rng: torch.Generator) -> Complex[Tensor, "n c f"]:
        """Spectra drawn from the prior, beside its mean; ``rng`` is a CPU generator."""
        n, like = len(scale.contrast), scale.contrast
        z, white = (
            torch.randn(n, *shape, generator=rng, dtype=like.dtype, device="cpu").to(like.device)
            for shape in ((self.rank,), (self.channels, *self.size))
        )
        return self.span(z, scale.contrast) + self.spectra(white) * self.variances(scale).sqrt()

    def gram(self, weights: Float[Tensor, "n f"]) -> Float[Tensor, "n r r"]:
        """``Σ_f ω_f Re(v_f v_fᴴ)`` of every candidate's weights ω, one for each channel and bin."""
        table, weights = self._table_for(len(weights)), self._taken(weights)
        if table is None:
            return torch.stack([self._product(each) for each in weights.repeat_interleave(2, 1)])
        packed = weights @ table
        gram = packed.new_zeros(len(weights), self.rank, self.rank)
        row, column = self._upper
        gram[:, row, column] = packed
        gram[:, column, row] = packed
        return gram

    def forms(self, matrices: Float[Tensor, "n r r"]) -> Float[Tensor, "n f"]:
        """``Re(v_fᴴ S v_f)`` of every channel and bin, S symmetric: the adjoint of :meth:`gram`."""
        table = self._table_for(len(matrices))
        if table is None:
            made = torch.stack([self._forms(each) for each in matrices])
            return self._spread(made.unflatten(1, (-1, 2)).sum(2))
        row, column = self._upper
        packed = matrices[:, row, column] * (2.0 - (row == column).to(matrices))
        return self._spread(packed @ table.T)

    def _taken(self, rows: Inexact[Tensor, "n all"]) -> Inexact[Tensor, "n held"]:
        """Leave out the bins that have no components, from rows of all channels' bins."""
        return rows if self.held is None else rows[:, self.held]

    def _spread(self, rows: Inexact[Tensor, "n held"]) -> Inexact[Tensor, "n all"]:
        """Put rows of the bins that have components among zeros for the others."""
        if self.held is None:
            return rows
        return rows.new_zeros(len(rows), self.power.numel()).index_copy_(1, self.held, rows)

    def _product(self, weights: Float[Tensor, "f2"]) -> Float[Tensor, "r r"]:
        """The Gram matrix of one candidate, strip by strip: what is above the diagonal is below it, too."""
        weighted = self._real * weights
        gram = weighted.new_zeros(self.rank, self.rank)
        for start, own in _strips(self.rank):
            gram[start:, own] = weighted[start:] @ self._real[own].T
            gram[own, own.stop :] = gram[own.stop :, own].T
        return gram

    def _forms(self, matrix: Float[Tensor, "r r"]) -> Float[Tensor, "f2"]:
        """The forms of one candidate, real and imaginary parts apart, strip by strip."""
        below = 2 * matrix.tril(-1) + matrix.diagonal().diag()
        parts = [
            ((below[start:, columns].T @ self._real[start:]) * self._real[columns]).sum(0)
            for start, columns in _strips(self.rank)
        ]
        return torch.stack(parts).sum(0)

    def _table_for(self, count: int) -> Tensor | None:
        """The table, where it is the quicker way for so many candidates."""
        numbers = len(self.rows) * self._upper.shape[1]
        return self._table if numbers <= min(_TABLE_LIMIT, max(count, 1) * _READ_LIMIT) else None

    @cached_property
    def _table(self) -> Tensor:
        """The different entries of Re(v_f v_fᴴ), a row a bin."""
        row, column = self._upper
        table = self.rows.real[:, row] * self.rows.real[:, column]
        return table.addcmul_(self.rows.imag[:, row], self.rows.imag[:, column])


def _strips(rank: int) -> list[tuple[int, slice]]:
    """The strips of columns that a Gram matrix is made in: the first column of each, and its slice."""
    return [(start, slice(start, min(start + _STRIP, rank))) for start in range(0, rank, _STRIP)]


def _parts(rows: Complex[Tensor, "f r"]) -> Float[Tensor, "r f2"]:
    """Components, real and imaginary parts side by side: Re(vᴴs) is then a product of real matrices."""
    return torch.view_as_real(rows.T.contiguous()).flatten(1)


def squared(z: Complex[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``|z|²``, differentiable at 0."""
    return torch.addcmul(z.real.square(), z.imag, z.imag)
