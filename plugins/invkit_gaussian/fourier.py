"""The evidence where the operator is a circular convolution: everything is diagonal but the components.

Of one block of channels that share their components, with d the half spectra of what the model leaves of the
measurement, K the transfer function, P = a²ST + level the variances of the image's bins, a the contrast and T
the texture,

    N = |K|² P + σ²,     G = N^−½ a K F(V Λ^½),     M = I_r + GᴴG,     b = Gᴴ N^−½ d
    z = M⁻¹ b,      left = d − a K F(V Λ^½) z
    −log p = ½ (‖N^−½ left‖² + ‖z‖² + Σ log N + log det M + n log 2π)
    E[x's bins | y] = a F(V Λ^½) z + K̄ P / N left

by the identities of Woodbury and Sylvester; doubled bins count twice. The first two terms are
‖N^−½ d‖² − bᵀM⁻¹b, written so that single precision suffices: they are a minimum over z, where an error in z
counts but squared, and no large numbers cancel.

GᴴG is the cost. It is Σ_f ω_f Re(v_f v_fᴴ) with weights ω = a²|K|²/N and v_f the f-th row of F(V Λ^½). The
products are the same for all candidates, so their r(r + 1)/2 different entries are tabulated once, and the
Gram matrices of all candidates are one product of matrices, weights × table, of a fraction of the operations
that each Gram matrix alone would take. Where the table would be too large, each is worked out from the
components.

M = I + something positive semi-definite is factorised in double precision, which costs little beside the Gram
matrix and does not fail where single precision would. Should it fail all the same, with hardly any noise,
the evidence is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import torch
from jaxtyping import Complex, Float, Float64
from torch import Tensor

from invkit_gaussian.dense import cholesky
from invkit_gaussian.moments import bin_weights, half_spectrum
from invkit_gaussian.posterior import uncertainty

__all__ = ["Block", "Scale", "Size"]

Size = tuple[int, int]

#: what a table may take, in numbers
_TABLE_LIMIT = 60_000_000


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
        self.size: Size = (basis.shape[-2], basis.shape[-1])
        self.channels, self.rank = basis.shape[1], basis.shape[0]
        self.numbers = self.channels * math.prod(self.size)
        self.bins = bin_weights(self.size, spectrum)
        self.power = spectrum.flatten(1)
        self.free = torch.zeros_like(self.bins)
        self.free[0, 0] = level**2 * math.prod(self.size)
        self.free = self.free.flatten()
        self.counts = self.bins.flatten()
        # rows: channel by channel, bin by bin; doubled bins count by the root of 2
        components = half_spectrum(basis) * self.bins.sqrt()
        self.rows = components.flatten(2).permute(1, 2, 0).flatten(0, 1)
        # the same with real and imaginary parts as rows of their own: Re(vᴴs) is a product of real matrices
        self._real = torch.view_as_real(self.rows).permute(0, 2, 1).flatten(0, 1)
        self._upper = torch.triu_indices(self.rank, self.rank, device=basis.device)
        self._table = self._tabulate()

    def spectra(self, signal: Float[Tensor, "n c h w"]) -> Complex[Tensor, "n c f"]:
        """Half spectra, doubled bins times the root of 2: their squared norm is the signal's."""
        return (half_spectrum(signal) * self.bins.sqrt()).flatten(2)

    def signals(self, spectra: Complex[Tensor, "n c f"]) -> Float[Tensor, "n c h w"]:
        """The inverse of :meth:`spectra`."""
        bins = spectra.unflatten(2, tuple(self.bins.shape)) / self.bins.sqrt()
        return torch.fft.irfft2(bins, s=self.size, norm="ortho")

    def evidence(
        self,
        d: Complex[Tensor, "n c f"],
        transfer: Complex[Tensor, "n k f"],
        scale: Scale,
        variance: Float[Tensor, "n"],
    ) -> Float[Tensor, "n"]:
        """``−log p(y)`` of every candidate; ``transfer`` has one channel or all."""
        _, noise = self._variances(transfer, scale, variance)
        z, factor = self._components(d, transfer, scale, noise)
        return self._value(d - transfer * self._span(z, scale), z, noise, factor)

    def gain(
        self,
        d: Complex[Tensor, "n c f"],
        transfer: Complex[Tensor, "n k f"],
        scale: Scale,
        variance: Float[Tensor, "n"],
    ) -> Complex[Tensor, "n c f"]:
        """The posterior mean's spectra beside the prior's mean: linear in ``d``."""
        prior, noise = self._variances(transfer, scale, variance)
        span = self._span(self._components(d, transfer, scale, noise)[0], scale)
        return span + transfer.conj() * prior / noise * (d - transfer * span)

    def posterior(
        self,
        d: Complex[Tensor, "n c f"],
        transfer: Complex[Tensor, "n k f"],
        scale: Scale,
        variance: Float[Tensor, "n"],
    ) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """:meth:`evidence`, :meth:`gain`, and ``vᵀ C v`` as a function of spectra v, with C the posterior's
        covariance; see :mod:`invkit_gaussian.posterior`. All from one factorisation.
        """
        prior, noise = self._variances(transfer, scale, variance)
        z, factor = self._components(d, transfer, scale, noise)
        span = self._span(z, scale)
        left = d - transfer * span

        def project(v: Tensor) -> Tensor:
            return (torch.view_as_real(v).flatten(1) @ self._real) * scale.contrast[:, None]

        return (
            self._value(left, z, noise, factor),
            span + transfer.conj() * prior / noise * left,
            lambda v: uncertainty(v, prior, noise, variance, project, factor),
        )

    def draw(self, scale: Scale, rng: torch.Generator) -> Complex[Tensor, "n c f"]:
        """Spectra drawn from the prior, beside its mean."""
        n, like = len(scale.contrast), scale.contrast
        z = torch.randn(n, self.rank, generator=rng, dtype=like.dtype).to(like.device)
        white = torch.randn(n, self.channels, *self.size, generator=rng, dtype=like.dtype).to(like.device)
        prior = self._prior(scale)
        return self._span(z, scale) + self.spectra(white) * prior.sqrt()

    def gram(self, weights: Float[Tensor, "n f"]) -> Float[Tensor, "n r r"]:
        """``Σ_f ω_f Re(v_f v_fᴴ)`` of every candidate's weights ω, one for each channel and bin."""
        if self._table is None:
            # One candidate at a time: all at once would not fit into memory, and each is a product of
            # matrices large enough to keep a processor busy.
            doubled = weights.repeat_interleave(2, 1)
            return torch.stack([(self._real * each[:, None]).T @ self._real for each in doubled])
        packed = weights @ self._table
        gram = packed.new_zeros(len(weights), self.rank, self.rank)
        row, column = self._upper
        gram[:, row, column] = packed
        gram[:, column, row] = packed
        return gram

    def _value(self, left: Tensor, z: Tensor, noise: Tensor, factor: Tensor) -> Float[Tensor, "n"]:
        """The evidence, of what the components leave."""
        fit = (_squared(left) / noise).sum((1, 2)) + z.square().sum(1)
        spread = (self.counts * noise.log()).sum((1, 2))
        spread = spread + 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1).to(noise)
        return (fit + spread + self.numbers * math.log(2 * math.pi)) / 2

    def _variances(self, transfer: Tensor, scale: Scale, variance: Tensor) -> tuple[Tensor, Tensor]:
        """P and N, (n, c, f)."""
        prior = self._prior(scale)
        return prior, _squared(transfer) * prior + variance[:, None, None]

    def _prior(self, scale: Scale) -> Float[Tensor, "n c f"]:
        """P."""
        power = scale.contrast[:, None, None].square() * self.power
        return (power if scale.texture is None else power * scale.texture[:, None]) + self.free

    def _span(self, z: Float[Tensor, "n r"], scale: Scale) -> Complex[Tensor, "n c f"]:
        """``a F(V Λ^½) z``."""
        made = (z * scale.contrast[:, None]) @ self._real.T
        return torch.view_as_complex(made.unflatten(1, (self.channels, -1, 2)))

    def _components(
        self, d: Tensor, transfer: Tensor, scale: Scale, noise: Tensor
    ) -> tuple[Float[Tensor, "n r"], Float64[Tensor, "n r r"]]:
        """z, and the lower Cholesky factor of M in double precision."""
        contrast = scale.contrast[:, None, None]
        weights = contrast.square() * _squared(transfer) / noise
        # a K̄ d / N; torch would make complex numbers of the real ones to multiply the two
        seen = torch.view_as_real(transfer.conj().resolve_conj() * d) * (contrast / noise)[..., None]
        b = seen.flatten(1) @ self._real
        gram = self.gram(weights.flatten(1)).double()
        identity = torch.eye(self.rank, dtype=torch.float64, device=gram.device)
        factor = cholesky(gram + identity)
        return torch.cholesky_solve(b.double()[..., None], factor)[..., 0].to(noise), factor

    def _tabulate(self) -> Tensor | None:
        """The different entries of Re(v_f v_fᴴ), a row a bin."""
        entries = self._upper.shape[1]
        if len(self.rows) * entries > _TABLE_LIMIT:
            return None
        row, column = self._upper
        table = self.rows.real[:, row] * self.rows.real[:, column]
        return table.addcmul_(self.rows.imag[:, row], self.rows.imag[:, column])


def _squared(z: Complex[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``|z|²``, differentiable at 0."""
    return z.real.square() + z.imag.square()
