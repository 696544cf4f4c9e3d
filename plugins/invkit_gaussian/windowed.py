"""The posterior of a patch of which the blurred window in the middle is measured, for many windows at once.

    axis = Axis.of(moments, 0)                                              # along one colour axis
    posterior = Windowed(axis, mean, transfer, contrast, texture, variance, view)
    posterior.evidence(spread, centre, count)                               # (n,), of all windows
    posterior.mean(windows)                                                 # (n, p, h, w), E[x | u] of each

With K the circular convolution of the patch, P the cut of the window and Σ the class's covariance,

    u = P K x + noise,      C = P K Σ Kᵀ Pᵀ + σ²I.

No pixel of the window reads across the patch's border, so a circular and a linear convolution are the same
here. Σ has components and a stationary part (:mod:`invkit_gaussian.moments`). Both go through K in the DFT.
C is written out, m² × m² numbers, and is the same for all windows of a candidate.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import attrs
import torch
from jaxtyping import Complex, Float, Real
from torch import Tensor

from invkit_gaussian.moments import Moments
from invkit_gaussian.posterior import cholesky
from invkit_gaussian.windows import Size

__all__ = ["Axis", "View", "Windowed"]

#: violations ‖v‖² below which nothing is added: they would be squared to less than single precision holds
_NEGLIGIBLE = 1e-9


@attrs.frozen
class View:
    """Where in a patch its window is.

    Args:
        first: row and column of its first pixel.
        size: its height and width, multiples of ``step``.
        step: means of ``step`` × ``step`` pixels are looked at.
    """

    first: Size
    size: Size
    step: int

    def cut(self, patch: Real[Tensor, "*n h w"]) -> Real[Tensor, "*n q"]:
        """The window of every patch, of which means were taken."""
        (top, left), (high, wide) = self.first, self.size
        return patch[..., top : top + high : self.step, left : left + wide : self.step].flatten(-2)

    def put(self, window: Float[Tensor, "*n q"], patch: Size) -> Float[Tensor, "*n h w"]:
        """The adjoint of :meth:`cut`."""
        (top, left), (high, wide), step = self.first, self.size, self.step
        made = window.new_zeros(*window.shape[:-1], *patch)
        made[..., top : top + high : step, left : left + wide : step] = window.unflatten(
            -1, (high // step, wide // step)
        )
        return made

    def means(self, patch: Size, like: Tensor) -> Complex[Tensor, "h half"]:
        """The transfer function of ``step`` × ``step`` means, which begin at their pixel."""
        box = like.new_zeros(patch)
        index = -torch.arange(self.step, device=like.device)
        box[index[:, None], index] = 1 / self.step**2
        return torch.fft.rfft2(box)


@attrs.frozen(eq=False)
class Axis:
    """A class along one colour axis: components, power of the remainder, and power of a free level."""

    basis: Float[Tensor, "r h w"]
    power: Float[Tensor, "h half"]
    free: Float[Tensor, "h half"]

    @classmethod
    def of(cls, moments: Moments, number: int) -> Axis:
        """The axis ``number`` of a class; what the components say of two axes together is left out."""
        own = number if moments.colour == "joint" else 0
        basis, power = moments.basis[:, own], moments.spectrum[own]
        free = torch.zeros_like(power)
        free[0, 0] = moments.level**2 * math.prod(basis.shape[1:])
        return cls(basis, power, free)


class Windowed:
    """See above; one row a candidate.

    Args:
        axis: the class.
        mean: μ along the axis; one or one per candidate.
        transfer: of the convolution of a patch; one or one per candidate.
        contrast: a.
        texture: T of every bin; none: 1.
        variance: σ² of a pixel.
        view: the window.
    """

    def __init__(
        self,
        axis: Axis,
        mean: Float[Tensor, "m h w"],
        transfer: Complex[Tensor, "k h half"],
        contrast: Float[Tensor, "n"],
        texture: Float[Tensor, "n f"] | None,
        variance: Float[Tensor, "n"],
        view: View,
    ) -> None:
        self._axis, self._view, self._patch = axis, view, (mean.shape[1], mean.shape[2])
        self._contrast, self._variance = contrast[:, None, None], (variance / view.step**2)[:, None, None]
        self._transfer = transfer * view.means(self._patch, mean) if view.step > 1 else transfer
        power = self._contrast.square() * axis.power
        power = power if texture is None else power * texture.unflatten(1, power.shape[1:])
        self._power = power + axis.free
        self._mean = mean
        #: P K μ
        self.expected = self._seen(mean[:, None])[:, 0]
        self._covariance = self._stationary()
        if len(axis.basis):
            spectra = self._transfer[:, None] * torch.fft.rfft2(axis.basis)
            columns = view.cut(torch.fft.irfft2(spectra, s=self._patch)) * self._contrast
            self._covariance = self._covariance + columns.mT @ columns
        identity = torch.eye(self._covariance.shape[1], dtype=mean.dtype, device=mean.device)
        self._covariance = self._covariance + self._variance * identity

    def evidence(
        self, spread: Float[Tensor, "n q q"], centre: Float[Tensor, "n q"], count: float
    ) -> Float[Tensor, "n"]:
        """``−log p`` of ``count`` windows of this covariance and mean; its gradient in closed form is
        ½ N (C⁻¹ − C⁻¹ T C⁻¹) in C, T the windows' second moment about P K μ.
        """
        apart = centre - self.expected
        with torch.no_grad():
            factor = self._factor
            inverse = torch.cholesky_inverse(factor)
            moment = spread.double() + (apart[:, :, None] * apart[:, None]).double()
            logs = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1) + apart.shape[1] * math.log(2 * math.pi)
            value = count / 2 * ((inverse * moment).sum((1, 2)) + logs)
            inverse, moment = inverse.to(apart), moment.to(apart)
            slope = count / 2 * (inverse - inverse @ moment @ inverse)
            along = count * (inverse @ apart[..., None])[..., 0]
        linear = (slope * self._covariance).sum((1, 2)) + (along * apart).sum(1)
        return value.to(apart) + linear - linear.detach()

    def mean(self, windows: Float[Tensor, "n p q"]) -> Float[Tensor, "n p h w"]:
        """``E[x | u]`` of every window's patch."""
        return self._mean[:, None] + self._gain(windows - self.expected[:, None])

    def deviation(self, count: int, rng: torch.Generator) -> Float[Tensor, "n count h w"]:
        """Draws of ``x − E[x | u]``: x₀ − E[x₀ | u₀] of a patch and a window that are drawn."""
        n, like, rank = len(self._power), self._power, len(self._axis.basis)

        def white(*shape: int) -> Tensor:
            drawn = torch.randn(n, count, *shape, generator=rng, dtype=like.dtype, device="cpu")
            return drawn.to(like.device)

        rest = torch.fft.rfft2(white(*self._patch)) * self._power[:, None].sqrt()
        x = torch.fft.irfft2(rest, s=self._patch)
        x = x + (self._contrast * white(rank) @ self._axis.basis.flatten(1)).unflatten(2, self._patch)
        noise = white(self.expected.shape[1]) * self._variance.sqrt()
        return x - self._gain(self._seen(x) + noise)

    def beyond(self, windows: Float[Tensor, "n p q"], interval: tuple[float, float]) -> Float[Tensor, "n"]:
        """What bounds add for these windows: Σ ½ ‖v‖⁴ / vᵀ Cₓ v, Cₓ the covariance of x given u; see
        :mod:`invkit_gaussian.bounded_marginal`.
        """
        mean = self.mean(windows)
        v = mean - mean.clamp(*interval)
        size = v.square().sum((2, 3))
        known = self._prior(v)
        seen = self._seen(known)
        spread = (v * known).sum((2, 3)) - (seen * self._solved(seen)).sum(2)
        there = (size > _NEGLIGIBLE) & (spread > 0)
        spread = torch.where(there, spread, torch.ones_like(spread))
        return torch.where(there, size.square() / (2 * spread), torch.zeros_like(size)).sum(1)

    def _stationary(self) -> Float[Tensor, "n q q"]:
        """P K S Kᵀ Pᵀ, of the autocovariance of what is blurred."""
        high, wide = self._patch
        gain = self._transfer.real.square() + self._transfer.imag.square()
        auto = torch.fft.irfft2(gain * self._power, s=self._patch).flatten(1)
        place = torch.arange(high * wide, device=auto.device).unflatten(0, self._patch)
        place = self._view.cut(place)
        row, column = place // wide, place % wide
        lag = (row[:, None] - row) % high * wide + (column[:, None] - column) % wide
        return auto.index_select(1, lag.flatten()).unflatten(1, lag.shape)

    @cached_property
    def _factor(self) -> Float[Tensor, "n q q"]:
        return cholesky(self._covariance.detach().double())

    def _solved(self, d: Float[Tensor, "n p q"]) -> Float[Tensor, "n p q"]:
        """C⁻¹ d."""
        solved: Tensor = _Solve.apply(self._covariance, self._factor, d)
        return solved

    def _seen(self, x: Float[Tensor, "n p h w"]) -> Float[Tensor, "n p q"]:
        """P K x."""
        blurred = torch.fft.irfft2(self._transfer[:, None] * torch.fft.rfft2(x), s=self._patch)
        return self._view.cut(blurred)

    def _prior(self, x: Float[Tensor, "n p h w"]) -> Float[Tensor, "n p h w"]:
        """Σ x."""
        basis = self._axis.basis.flatten(1)
        spanned = self._contrast.square() * (x.flatten(2) @ basis.T) @ basis
        rest = torch.fft.irfft2(self._power[:, None] * torch.fft.rfft2(x), s=self._patch)
        return rest + spanned.unflatten(2, self._patch)

    def _gain(self, d: Float[Tensor, "n p q"]) -> Float[Tensor, "n p h w"]:
        """Σ Kᵀ Pᵀ C⁻¹ d."""
        solved = self._view.put(self._solved(d), self._patch)
        spectra = self._transfer[:, None].conj() * torch.fft.rfft2(solved)
        return self._prior(torch.fft.irfft2(spectra, s=self._patch))


class _Solve(torch.autograd.Function):
    """C⁻¹ d by a factor of C that is there; back through it by the same, not through the factorisation."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, factor: Tensor, d: Tensor) -> Tensor:
        solved = torch.cholesky_solve(d.mT.double(), factor).mT.to(d)
        ctx.save_for_backward(factor, solved)
        return solved

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, Tensor]:
        factor, solved = ctx.saved_tensors
        back = torch.cholesky_solve(slope.mT.double(), factor).mT.to(slope)
        return -back.mT @ solved, None, back
