"""The two multiplicative updates of blind Richardson–Lucy deconvolution, for any bilinear operator.

    updates = updates_for(operator, y, w_shape, x_shape, eps=1e-8)
    for _ in range(100):
        w = unit_sum(updates.w(w, x), 1e-8)
        x = updates.x(w, x)

For counts ``y ~ Poisson(A(w, x))`` of an operator and signals without negative values, each update is a step
of expectation–maximisation in one of the two unknowns: it lowers the divergence of :func:`divergence` (the
negative log-likelihood up to a constant), keeps signs, and needs no step size,

    w ← w ⊙ A(·, x)ᵀ(y / A(w, x)) / A(·, x)ᵀ1,        x ← x ⊙ A(w, ·)ᵀ(y / A(w, x)) / A(w, ·)ᵀ1,

with every denominator kept above ``eps``. ``w`` scaled to unit sum settles the scale of the two. Weights of
the entries of ``y`` multiply the ratio and stand in place of the 1: an entry of weight 0 is left out.

Source: Richardson, JOSA 62(1), 1972; Lucy, Astronomical Journal 79, 1974; blind: Fish, Brinicombe, Pike and
Walker, JOSA A 12(1), 1995. Order and guards are those of deepinv 0.5's ``BlindRL`` (first ``w``, then ``x``
with the new ``w``; ``x`` above ``eps``), so that iterates can be compared number by number; Fish et al. take
several updates of each in turn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit_baselines.placement import Placement, placement


class Updates(ABC):
    """Both updates for given measurements ``y`` ≥ 0, and what a pair measures as."""

    def __init__(self, y: Float[Tensor, "n *y"], eps: float) -> None:
        self.y, self.eps = y, eps

    @abstractmethod
    def w(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *w"]:
        """``w`` after one update, not normalised."""

    @abstractmethod
    def x(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *x"]:
        """``x`` after one update, at least ``eps``."""

    @abstractmethod
    def measured(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *y"]:
        """``A(w, x)``."""

    def _ratio(self, measured: Tensor) -> Tensor:
        return self.y / measured.clamp_min(self.eps)


def updates_for(
    operator: BilinearOperator,
    y: Float[Tensor, "n *y"],
    w_shape: Shape,
    x_shape: Shape,
    eps: float,
    weights: Tensor | None = None,
) -> Updates:
    """Updates in the DFT where the operator is a circular convolution with one kernel for all channels or one
    for each, and all entries count alike; by the operator's adjoints elsewhere.
    """
    plain = weights is None and w_shape[0] in (1, x_shape[0])
    placed = placement(operator, w_shape, x_shape, y) if plain else None
    return ByAdjoints(operator, y, eps, weights) if placed is None else InTheDft(operator, placed, y, eps)


class ByAdjoints(Updates):
    """The formulas as they stand: two measurements and four adjoints for both updates."""

    def __init__(
        self, operator: BilinearOperator, y: Float[Tensor, "n *y"], eps: float, weights: Tensor | None = None
    ) -> None:
        super().__init__(y, eps)
        self.operator = operator
        self.weights = torch.ones_like(y) if weights is None else weights.to(y).expand_as(y)

    def w(self, w: Tensor, x: Tensor) -> Tensor:
        shape = tuple(w.shape[1:])
        gathered = self.operator.adjoint_w(x, self.weights * self._ratio(self.measured(w, x)), shape)
        sensitivity = self.operator.adjoint_w(x, self.weights, shape)
        return (w * gathered / sensitivity.clamp_min(self.eps)).clamp_min(0)

    def x(self, w: Tensor, x: Tensor) -> Tensor:
        shape = tuple(x.shape[1:])
        gathered = self.operator.adjoint_x(w, self.weights * self._ratio(self.measured(w, x)), shape)
        sensitivity = self.operator.adjoint_x(w, self.weights, shape)
        return (x * gathered / sensitivity.clamp_min(self.eps)).clamp_min(self.eps)

    def measured(self, w: Tensor, x: Tensor) -> Tensor:
        result: Tensor = self.operator(w, x)
        return result


class InTheDft(Updates):
    """The same numbers with every signal transformed once.

    Both updates need ``x̂``, and the spectrum K of ``w`` serves this update and the next. The adjoints of one
    need no transform: ``A(w, ·)ᵀ1`` is ``K`` at frequency zero, ``A(·, x)ᵀ1`` the sum of ``x``'s pixels.
    """

    def __init__(
        self, operator: BilinearOperator, placed: Placement, y: Float[Tensor, "n *y"], eps: float
    ) -> None:
        super().__init__(y, eps)
        self.operator, self.placed = operator, placed
        self.size, self.dims = y.shape[2:], tuple(range(2, y.ndim))
        # Of the last signal only; tensors are told apart by identity and never written to.
        self._of_w, self._of_x = (lru_cache(1)(each) for each in (self._spectrum, self._transformed))

    def w(self, w: Tensor, x: Tensor) -> Tensor:
        ratio = self._ratio(self.measured(w, x))
        correlation = self._of_x(x).conj() * self._transformed(ratio)
        total = x.flatten(2).sum(2)
        if w.shape[1] == 1:  # one kernel serves all channels
            correlation, total = correlation.sum(1, keepdim=True), total.sum(1, keepdim=True)
        gathered = self.placed.read(correlation)
        sensitivity = total.reshape(*total.shape, *[1] * len(self.dims))
        return (w * gathered / sensitivity.clamp_min(self.eps)).clamp_min(0)

    def x(self, w: Tensor, x: Tensor) -> Tensor:
        spectrum = self._of_w(w, tuple(x.shape[1:]))
        gathered = self._back(spectrum.conj() * self._transformed(self._ratio(self.measured(w, x))))
        sensitivity = spectrum.flatten(2)[:, :, :1].real.reshape(*spectrum.shape[:2], *[1] * len(self.dims))
        return (x * gathered / sensitivity.clamp_min(self.eps)).clamp_min(self.eps)

    def measured(self, w: Tensor, x: Tensor) -> Tensor:
        return self._back(self._of_w(w, tuple(x.shape[1:])) * self._of_x(x))

    def _spectrum(self, w: Tensor, x_shape: Shape) -> Tensor:
        spectrum = self.operator.given(w=w, x_shape=x_shape).spectrum()
        assert spectrum is not None, "an operator with a placement has a spectrum"
        return spectrum

    def _transformed(self, signal: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(signal)
        # Axis by axis: columns lie together in memory, as they do in the operator's spectrum.
        for dim in self.dims[-2::-1]:
            spectrum = torch.fft.fft(spectrum, dim=dim)
        return spectrum

    def _back(self, spectrum: Tensor) -> Tensor:
        for dim in self.dims[:-1]:
            spectrum = torch.fft.ifft(spectrum, dim=dim)
        return torch.fft.irfft(spectrum, self.size[-1])


def unit_sum(w: Float[Tensor, "n *w"], eps: float) -> Float[Tensor, "n *w"]:
    """``w`` divided by its sum, or by ``eps`` where the sum is less."""
    total = w.flatten(1).sum(1).clamp_min(eps)
    return w / total.reshape(-1, *[1] * (w.ndim - 1))


def begin(
    operator: BilinearOperator, y: Float[Tensor, "n *y"], w_shape: Shape, x_shape: Shape
) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
    """A flat ``w`` of unit sum; ``x`` is the measurement where it has its shape, else flat, and as bright."""
    w = y.new_ones(len(y), *w_shape)
    w = w / w[0].numel()
    if tuple(y.shape[1:]) == tuple(x_shape):
        return w, y
    flat = y.new_ones(len(y), *x_shape)
    gain = operator(w, flat).flatten(1).sum(1)
    scale = y.flatten(1).sum(1) / gain.clamp_min(torch.finfo(y.dtype).tiny)
    return w, flat * scale.reshape(-1, *[1] * len(x_shape))


def divergence(
    y: Float[Tensor, "n *y"],
    measured: Float[Tensor, "n *y"],
    eps: float,
    weights: Tensor | None = None,
) -> Float[Tensor, "n"]:
    """``Σ ŷ − y + y log(y/ŷ)`` ≥ 0 (Csiszár's I-divergence), zero where the measurement is met exactly.

    With weights, the weighted sum.
    """
    measured = measured.clamp_min(eps)
    entries = measured - y + torch.xlogy(y, y / measured)
    return (entries if weights is None else entries * weights).flatten(1).sum(1)
