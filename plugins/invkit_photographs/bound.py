"""A bound of the evidence of a kernel for photographs, whose derivatives are sparse.

    data = Derivatives.of(y, margin=12)
    found = bound(data, data.transfer(kernels), variance=2 * sigma**2)
    found.value / data.count                        # nats per derivative: comparable between kernels and sizes
    found.value.sum().backward()                    # into kernels and variance
    found = bound(data, other, variance, Plan(rounds=1, steps=3), start=found)      # goes on from there

A photograph's derivatives x have the prior p(x) ∝ 1/|x|, which is a Gaussian of unknown variance γ_i at every
pixel. Given all γ, the measured derivatives are Gaussian with the covariance s I + K Γ Kᵀ, K the convolution
at the measured pixels, and twice −log p(y | k, γ) is

    min_x ‖y − K x‖²/s + Σ_i x_i²/γ_i  +  log |I + Γ^½ KᵀK Γ^½ / s|  +  N log(2π s).

By Hadamard's inequality the determinant is at most the product of its diagonal, ∏ (1 + γ_i d_i / s) with
d = diag(KᵀK), the correlation of the mask with k². The bound is half of

    ‖y − K x‖²/s  +  Σ_i [ x_i²/γ_i + log(1 + γ_i d_i / s) ]  +  N log(2π s),

above −log p(y | k, γ) for any x and γ. It is made small by rounds of

    x by conjugate gradients on (KᵀK/s + Γ⁻¹) x = Kᵀy/s,
    γ_i ← |x_i| √(γ_i + s/d_i),

while s falls to its value from one many times larger. The second is the minimum of the bound in γ with the
logarithm replaced by its tangent, so it never makes the bound larger. The update of expectation maximisation,
γ_i = x_i² + z_i with z_i = 1/(d_i/s + 1/γ_i), needs some four times as many rounds: where x is zero, its γ
falls as one over their number, and that favours wrong kernels. Conjugate gradients run in u = x/√γ, where the system is
I + Γ^½ KᵀK Γ^½ / s and converges in a few steps. Pixels of the frame that the kernel does not read have d = 0
and cost nothing: no border is invented. The single pixel is a kernel like any other: "not blurred".

The gradient is the envelope's: x and γ are held, since at the minimum the bound does not depend on them to
first order. After few rounds it is an approximation.

Sources: A. Levin, Y. Weiss, F. Durand and W. Freeman, "Efficient marginal likelihood optimization in blind
deconvolution", CVPR 2011; D. Wipf and H. Zhang, "Revisiting Bayesian blind deconvolution", JMLR 15, 2014. Here
d counts the measured pixels alone, where they have ‖k‖² everywhere; the update of γ is that of Wipf's
reweighting.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from attrs.validators import ge
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from invkit_photographs.derivatives import Derivatives

__all__ = ["Bound", "Plan", "bound"]

#: pixels that the kernel reads by less than this share of ‖k‖² count as not read: d is not more precise
_UNREAD = 1e-5
#: the least γ in units of s/d: far too little to cost anything, and more than the zero that γ cannot leave
_LEAST = 1e-9
#: numbers of x at a time, so that what a step works on stays in the cache
_TOGETHER = 1 << 18


@attrs.frozen
class Plan:
    """How far a bound is minimised.

    Args:
        rounds: updates of γ; 0 takes x and γ as given.
        steps: of conjugate gradients in each round.
        start: s begins this many times larger and falls to its value in 70 % of the rounds, where there is no
            x and γ to start from.

    More rounds of fewer steps tell kernels apart better than as many steps in fewer rounds. For a search,
    ``Plan(4, 2, 10)`` already has the single pixel lose; with four rounds of four steps from 60 it may win.
    """

    rounds: int = attrs.field(default=10, validator=ge(0))
    steps: int = attrs.field(default=4, validator=ge(1))
    start: float = attrs.field(default=30.0, validator=ge(1))

    def factor(self, turn: int) -> float:
        """How many times larger s is in round ``turn``."""
        return max(1.0, self.start ** (1 - turn / (0.7 * self.rounds)))


@attrs.frozen(eq=False)
class Bound:
    """A bound and what it was reached with; tensors are on the frame.

    Args:
        value: in nats over all measured derivatives, constants included; differentiable in ``transfer`` and
            ``variance``.
        x: the derivatives found, their posterior mean.
        gamma: γ, their variances a priori; 0 where the kernel reads nothing.
        diagonal: d, the energy of the kernel at the measured pixels that each pixel takes part in.
        variance: s.
    """

    value: Float[Tensor, "n"]
    x: Float[Tensor, "n f s0 s1"]
    gamma: Float[Tensor, "n f s0 s1"]
    diagonal: Float[Tensor, "n 1 s0 s1"]
    variance: Float[Tensor, "n"]

    @property
    def z(self) -> Float[Tensor, "n f s0 s1"]:
        """The variances of x a posteriori, pixels taken as independent."""
        s = _each(self.variance)
        return self.gamma * s / (s + self.gamma * self.diagonal)

    def residual(
        self, data: Derivatives, transfer: Complex[Tensor, "n 1 s0 half"]
    ) -> Float[Tensor, "n f s0 s1"]:
        """K x − y at the measured pixels, zero elsewhere."""
        return _applied(transfer, self.x, data.size) * data.mask - data.values

    def select(self, index: Tensor) -> Bound:
        """Candidates ``index`` alone."""
        return Bound(
            self.value[index],
            self.x[index],
            self.gamma[index],
            self.diagonal[index],
            self.variance[index],
        )


def bound(
    data: Derivatives,
    transfer: Complex[Tensor, "n c s0 half"],
    variance: Float[Tensor, "n"] | float,
    plan: Plan | None = None,
    start: Bound | None = None,
) -> Bound:
    """The bound of every candidate.

    Args:
        data: one measurement for all candidates, or one a candidate.
        transfer: of the kernels on the frame, one for all derivative images, or one for each.
        variance: s of a derivative: 2σ² for white noise of standard deviation σ. Above 0.
        plan: None: ten rounds of four steps, converged to about .1 nats a derivative.
        start: x and γ to go on from, of kernels and a noise not far away; s is then not annealed.
    """
    plan = plan or Plan()
    n = len(transfer)
    s = torch.as_tensor(variance, dtype=data.values.dtype, device=data.values.device).expand(n)
    together = max(1, _TOGETHER // data.values[0].numel())
    parts = []
    with torch.no_grad():
        for rows in torch.arange(n, device=s.device).split(together):
            own = data if len(data.values) == 1 else data.select(rows)
            begun = None if start is None else (start.x[rows], start.gamma[rows])
            parts.append(_minimised(own, transfer[rows], _each(s[rows]), plan, begun))
    x, gamma, diagonal = (torch.cat(each) for each in zip(*parts, strict=True))
    value: Tensor = _Envelope.apply(transfer, s, x, gamma, data, together)
    return Bound(value, x, gamma, diagonal, s.detach())


def _minimised(
    data: Derivatives, transfer: Tensor, s_end: Tensor, plan: Plan, begun: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """x, γ and d of a few candidates."""
    size, back = data.size, transfer.conj().resolve_conj()
    diagonal = _diagonal(data, transfer)

    def correlated(image: Tensor) -> Tensor:
        return _applied(back, image, size)

    if begun is None:  # x = 0
        factor = plan.factor(0) if plan.rounds else 1.0
        c = torch.fft.irfft2(back * data.spectrum, s=size)  # Kᵀ(y − K x)
        x = torch.zeros_like(c)
        gamma = torch.where(diagonal > 0, c * c + factor * s_end / diagonal, 0)
    else:
        x = begun[0]
        gamma = torch.where(diagonal > 0, begun[1], 0)
        x = torch.where(gamma > 0, x, 0)
        c = correlated(data.values - _applied(transfer, x, size) * data.mask) if plan.rounds else x
    tiny = torch.finfo(x.dtype).tiny
    for turn in range(plan.rounds):
        s = s_end * plan.factor(turn) if begun is None else s_end
        q = gamma.sqrt()
        u = torch.where(q > 0, x / q, 0)
        scaled = q / s
        residual = scaled * c - u
        p, size_now = residual.clone(), _squared(residual)
        for _ in range(plan.steps):
            v = correlated(_applied(transfer, q * p, size).mul_(data.mask))
            mapped = torch.addcmul(p, scaled, v)
            step = size_now / (p * mapped).sum((2, 3), keepdim=True).clamp(min=tiny)
            u.addcmul_(step, p)
            c.addcmul_(step, v, value=-1)
            residual.addcmul_(step, mapped, value=-1)
            before, size_now = size_now, _squared(residual)
            p.mul_(size_now / before.clamp(min=tiny)).add_(residual)
        x = q * u
        level = s / diagonal  # infinite where nothing is read: γ is 0 there
        gamma = torch.where(gamma > 0, torch.maximum(x.abs() * (level + gamma).sqrt(), _LEAST * level), 0)
    return x, gamma, diagonal


class _Envelope(torch.autograd.Function):
    """The bound at fixed x and γ, with its gradients in transfer function and variance."""

    @staticmethod
    def forward(
        context: Any, transfer: Tensor, s: Tensor, x: Tensor, gamma: Tensor, data: Derivatives, together: int
    ) -> Tensor:
        needed = context.needs_input_grad[:2]
        values, slopes = [], []
        for rows in torch.arange(len(x), device=x.device).split(together):
            own = data if len(data.values) == 1 else data.select(rows)
            arguments = transfer[rows].requires_grad_(needed[0]), s[rows].requires_grad_(needed[1])
            with torch.set_grad_enabled(any(needed)):
                value = _value(own, *arguments, x[rows], gamma[rows])
                if any(needed):
                    chosen = [each for each in arguments if each.requires_grad]
                    slopes.append(torch.autograd.grad(value.sum(), chosen))
            values.append(value.detach())
        found = iter(torch.cat(each) for each in zip(*slopes, strict=True))
        context.save_for_backward(*(next(found) if each else None for each in needed))
        return torch.cat(values)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        transfer, s = context.saved_tensors
        return (
            None if transfer is None else transfer * _each(gradient),
            None if s is None else s * gradient,
            *[None] * 4,
        )


def _value(data: Derivatives, transfer: Tensor, s: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    """The bound of x and γ as they are."""
    residual = _applied(transfer, x, data.size) * data.mask - data.values
    known = x * x / gamma.clamp(min=torch.finfo(x.dtype).tiny)
    spread = torch.log1p(gamma * _diagonal(data, transfer) / _each(s))
    sums = residual.square().flatten(1).sum(1) / s + (known + spread).flatten(1).sum(1)
    return (sums + data.count * torch.log(2 * torch.pi * s)) / 2


def _diagonal(data: Derivatives, transfer: Tensor) -> Tensor:
    """d: of every pixel of the frame Σ_p M[p] k[p − i]², zero where it is too little to tell."""
    energy = torch.fft.irfft2(transfer, s=data.size).square()
    read = torch.fft.irfft2(torch.fft.rfft2(energy).conj() * data.mask_spectrum, s=data.size)
    return torch.where(read > _UNREAD * energy.sum((2, 3), keepdim=True), read, 0)


def _applied(transfer: Tensor, image: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.fft.irfft2(transfer * torch.fft.rfft2(image), s=size)


def _squared(images: Tensor) -> Tensor:
    return images.square().sum((2, 3), keepdim=True)


def _each(values: Tensor) -> Tensor:
    """One number a candidate, shaped to go with its images."""
    return values[:, None, None, None]
