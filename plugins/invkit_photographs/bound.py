"""A bound of the evidence of a kernel for photographs, whose derivatives are sparse.

    data = Derivatives.of(y, margin=12)
    found = bound(data, data.transfer(kernels), variance=2 * sigma**2)
    found.value / data.count                        # nats a derivative: comparable between kernels
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
falls as one over their number, and that favours wrong kernels. Pixels of the frame that the kernel does not
read have d = 0 and cost nothing: no border is invented. The single pixel is a kernel like any other: "not
blurred".

The gradient is the envelope's: x and γ are held, since at the minimum the bound does not depend on them to
first order. After few rounds it is an approximation: on photographs within a third of the slope of what ten
rounds reach.

Sources: A. Levin, Y. Weiss, F. Durand and W. Freeman, "Efficient marginal likelihood optimization in blind
deconvolution", CVPR 2011; D. Wipf and H. Zhang, "Revisiting Bayesian blind deconvolution", JMLR 15, 2014.
Deviations: d counts the measured pixels alone, where they have ‖k‖² everywhere, and γ has the update above.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from invkit_photographs.derivatives import Derivatives
from invkit_photographs.minimising import Plan, applied, column, diagonal_of, minimised

__all__ = ["Bound", "Plan", "bound"]

#: numbers of x at a time, so that what a step works on stays in the cache
_TOGETHER = 1 << 17


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
    diagonal: Float[Tensor, "n c s0 s1"]
    variance: Float[Tensor, "n"]

    @property
    def z(self) -> Float[Tensor, "n f s0 s1"]:
        """The variances of x a posteriori, pixels taken as independent."""
        s = column(self.variance)
        return self.gamma * s / (s + self.gamma * self.diagonal)

    def residual(
        self, data: Derivatives, transfer: Complex[Tensor, "n c s0 half"]
    ) -> Float[Tensor, "n f s0 s1"]:
        """K x − y at the measured pixels, zero elsewhere."""
        return applied(transfer, self.x, data.size) * data.mask - data.values

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
            parts.append(minimised(own, transfer[rows], column(s[rows]), plan, begun))
    x, gamma, diagonal = (torch.cat(each) for each in zip(*parts, strict=True))
    value: Tensor = _Envelope.apply(transfer, s, x, gamma, data, together)
    return Bound(value, x, gamma, diagonal, s.detach())


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
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        transfer, s = context.saved_tensors
        return (
            None if transfer is None else transfer * column(gradient),
            None if s is None else s * gradient,
            *[None] * 4,
        )


def _value(data: Derivatives, transfer: Tensor, s: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    """The bound of x and γ as they are."""
    residual = applied(transfer, x, data.size) * data.mask - data.values
    known = x * x / gamma.clamp(min=torch.finfo(x.dtype).tiny)
    spread = torch.log1p(gamma * diagonal_of(data, transfer) / column(s))
    sums = residual.square().flatten(1).sum(1) / s + (known + spread).flatten(1).sum(1)
    return (sums + data.count * torch.log(2 * torch.pi * s)) / 2
