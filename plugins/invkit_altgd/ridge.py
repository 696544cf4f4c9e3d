"""Regularised inverses of a linear operator, batched, by conjugate gradients.

    x = ridge_inverse(operator.given(w=w, x_shape=shape), y, weight=1e-2)     # argmin ‖y − A x‖² +
    weight·‖x‖²

Works for any operator with an adjoint; every candidate has its own step lengths, so none depends on another.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator


def ridge_inverse(
    operator: LinearOperator, y: Float[Tensor, "n *y"], weight: float, iterations: int = 30
) -> Float[Tensor, "n *x"]:
    """``(AᵀA + weight·I)⁻¹ Aᵀ y`` by that many steps of conjugate gradients from zero (Hestenes and
    Stiefel 1952).

    ``weight`` > 0 is relative to the square of ``A``'s gain: for a kernel of unit sum the gain is 1.
    """
    with torch.no_grad():
        residual = operator.adjoint(y)
        solution = torch.zeros_like(residual)
        direction = residual
        energy = _dot(residual, residual)
        tiny = torch.finfo(y.dtype).tiny
        for _ in range(iterations):
            image = operator.normal(direction) + weight * direction
            step = energy / _dot(direction, image).clamp_min(tiny)
            solution = solution + step * direction
            residual = residual - step * image
            energy, last = _dot(residual, residual), energy
            direction = residual + (energy / last.clamp_min(tiny)) * direction
    return solution


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each candidate, shaped to multiply a batch of signals."""
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.ndim - 1))
