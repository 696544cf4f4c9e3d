"""The two multiplicative updates of blind Richardson–Lucy deconvolution, for any bilinear operator.

    w, x = start(operator, y, w_shape, x_shape)
    for _ in range(100):
        w = updated_w(operator, y, w, x, eps=1e-8, unit_sum=True)
        x = updated_x(operator, y, w, x, eps=1e-8)

For counts ``y ~ Poisson(A(w, x))`` of an operator and signals without negative values, each update is a step
of expectation–maximisation in one of the two unknowns: it lowers the divergence of :func:`divergence` (the
negative log-likelihood up to a constant), keeps signs, and needs no step size,

    w ← w ⊙ A(·, x)ᵀ(y / A(w, x)) / A(·, x)ᵀ1,        x ← x ⊙ A(w, ·)ᵀ(y / A(w, x)) / A(w, ·)ᵀ1,

with every denominator kept above ``eps``. After its update ``w`` is scaled to unit sum, which settles the
scale of the two.

Source: Richardson, JOSA 62(1), 1972; Lucy, Astronomical Journal 79, 1974; blind: Fish, Brinicombe, Pike and
Walker, JOSA A 12(1), 1995. Order and guards are those of deepinv 0.5's ``BlindRL`` (first ``w``, then ``x``
with the new ``w``; ``x`` above ``eps``), so that iterates can be compared number by number; Fish et al. take
several updates of each in turn (``w_steps``, ``x_steps``).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape


def start(
    operator: BilinearOperator, y: Float[Tensor, "n *y"], w_shape: Shape, x_shape: Shape
) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
    """A flat ``w`` of unit sum; ``x`` is the measurement where it has its shape, else flat, and as bright."""
    w = y.new_full((len(y), *w_shape), 1.0)
    w = w / w[0].numel()
    if tuple(y.shape[1:]) == tuple(x_shape):
        return w, y
    flat = y.new_ones(len(y), *x_shape)
    gain = operator(w, flat).flatten(1).sum(1)
    scale = y.flatten(1).sum(1) / gain.clamp_min(torch.finfo(y.dtype).tiny)
    return w, flat * scale.reshape(-1, *[1] * len(x_shape))


def updated_w(
    operator: BilinearOperator,
    y: Float[Tensor, "n *y"],
    w: Float[Tensor, "n *w"],
    x: Float[Tensor, "n *x"],
    *,
    eps: float,
    unit_sum: bool,
) -> Float[Tensor, "n *w"]:
    """``w`` after one update, of unit sum if asked for."""
    shape = tuple(w.shape[1:])
    sensitivity = operator.adjoint_w(x, torch.ones_like(y), shape)
    ratio = y / operator(w, x).clamp_min(eps)
    w = (w * operator.adjoint_w(x, ratio, shape) / sensitivity.clamp_min(eps)).clamp_min(0)
    if not unit_sum:
        return w
    total = w.flatten(1).sum(1).clamp_min(eps)
    return w / total.reshape(-1, *[1] * len(shape))


def updated_x(
    operator: BilinearOperator,
    y: Float[Tensor, "n *y"],
    w: Float[Tensor, "n *w"],
    x: Float[Tensor, "n *x"],
    *,
    eps: float,
) -> Float[Tensor, "n *x"]:
    """``x`` after one update, at least ``eps``."""
    shape = tuple(x.shape[1:])
    sensitivity = operator.adjoint_x(w, torch.ones_like(y), shape)
    ratio = y / operator(w, x).clamp_min(eps)
    return (x * operator.adjoint_x(w, ratio, shape) / sensitivity.clamp_min(eps)).clamp_min(eps)


def divergence(y: Float[Tensor, "n *y"], predicted: Float[Tensor, "n *y"], eps: float) -> Float[Tensor, "n"]:
    """``Σ ŷ − y + y log(y/ŷ)`` ≥ 0 (Csiszár's I-divergence), zero where the prediction is the measurement."""
    predicted = predicted.clamp_min(eps)
    return (predicted - y + torch.xlogy(y, y / predicted)).flatten(1).sum(1)
