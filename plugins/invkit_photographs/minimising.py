"""x and γ of :func:`invkit_photographs.bound.bound`, found by conjugate gradients and reweighting.

The system (KᵀK/s + Γ⁻¹) x = Kᵀy/s is solved in u = x/√γ, where it is

    (I + Γ^½ KᵀK Γ^½ / s) u = Γ^½ Kᵀy / s

and a few steps suffice. Each round goes on from the x of the one before. c = Kᵀ(y − K x) is kept up to date
on the way, so that a new γ costs no transform.
"""

from __future__ import annotations

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from invkit_photographs.derivatives import Derivatives

__all__ = ["Plan", "applied", "column", "diagonal_of", "minimised"]

#: pixels that the kernel reads by less than this share of ‖k‖² count as not read: d is not more precise
_UNREAD = 1e-5
#: the least γ in units of s/d: far too little to cost anything, and more than the zero that γ cannot leave
_LEAST = 1e-9


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


def minimised(
    data: Derivatives, transfer: Tensor, s_end: Tensor, plan: Plan, begun: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """x, γ and d of a few candidates."""
    size, back = data.size, transfer.conj().resolve_conj()
    diagonal = diagonal_of(data, transfer)

    def correlated(image: Tensor) -> Tensor:
        return applied(back, image, size)

    if begun is None:  # x = 0
        factor = plan.factor(0) if plan.rounds else 1.0
        c = torch.fft.irfft2(back * data.spectrum, s=size)  # Kᵀ(y − K x)
        x = torch.zeros_like(c)
        gamma = torch.where(diagonal > 0, c * c + factor * s_end / diagonal, 0)
    else:
        x = begun[0]
        gamma = torch.where(diagonal > 0, begun[1], 0)
        x = torch.where(gamma > 0, x, 0)
        c = correlated(data.values - applied(transfer, x, size) * data.mask) if plan.rounds else x
    tiny = torch.finfo(x.dtype).tiny
    unit = torch.where(diagonal > 0, 1 / diagonal, 0)  # 0 where nothing is read, and γ stays 0 there
    for turn in range(plan.rounds):
        s = s_end * plan.factor(turn) if begun is None else s_end
        q = gamma.sqrt()
        u = x / q.clamp(min=tiny)
        scaled = q / s
        residual = (scaled * c).sub_(u)
        p, size_now = residual.clone(), _squared(residual)
        for _ in range(plan.steps):
            v = correlated(applied(transfer, q * p, size).mul_(data.mask))
            mapped = torch.addcmul(p, scaled, v)
            step = size_now / (p * mapped).sum((2, 3), keepdim=True).clamp(min=tiny)
            u.addcmul_(step, p)
            c.addcmul_(step, v, value=-1)
            residual.addcmul_(step, mapped, value=-1)
            before, size_now = size_now, _squared(residual)
            p.mul_(size_now / before.clamp(min=tiny)).add_(residual)
        x = u.mul_(q)
        level = s * unit
        gamma = torch.maximum((level + gamma).sqrt_().mul_(x.abs()), _LEAST * level)
    return x, gamma, diagonal


def diagonal_of(data: Derivatives, transfer: Tensor) -> Tensor:
    """d: of every pixel of the frame Σ_p M[p] k[p − i]², zero where it is too little to tell."""
    energy = torch.fft.irfft2(transfer, s=data.size).square()
    read = torch.fft.irfft2(torch.fft.rfft2(energy).conj() * data.mask_spectrum, s=data.size)
    return torch.where(read > _UNREAD * energy.sum((2, 3), keepdim=True), read, 0)


def applied(transfer: Tensor, image: Tensor, size: tuple[int, int]) -> Tensor:
    """The circular convolution of images on the frame."""
    return torch.fft.irfft2(transfer * torch.fft.rfft2(image), s=size)


def _squared(images: Tensor) -> Tensor:
    return images.square().sum((2, 3), keepdim=True)


def column(values: Tensor) -> Tensor:
    """One number a candidate, shaped to go with its images."""
    return values[:, None, None, None]
