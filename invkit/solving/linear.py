"""Conjugate gradients for a batch of linear systems.

    x = conjugate_gradients(lambda v: A.normal(v) + 0.1 * v, A.adjoint(y))     # (AᵀA + 0.1 I) x = Aᵀy
    x = ridge_inverse(A, y, 0.1)                                               # the same

Source: M. Hestenes and E. Stiefel, J. Res. Nat. Bur. Standards 49(6), 1952.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.noise import Noise

__all__ = ["conjugate_gradients", "ridge_inverse", "weighted"]


def conjugate_gradients(
    normal: Callable[[Tensor], Tensor],
    right: Inexact[Tensor, "n *x"],
    start: Inexact[Tensor, "n *x"] | None = None,
    *,
    steps: int = 30,
    tolerance: float = 0.0,
) -> Inexact[Tensor, "n *x"]:
    """An approximate solution of ``N x = b`` for a Hermitian positive definite ``N``, row by row.

    Args:
        normal: the map ``x ↦ N x`` on a batch.
        right: ``b``.
        start: where the iteration begins; zero by default.
        steps: iterations at most. Every row has step lengths of its own, so no row depends on another.
        tolerance: a row whose residual is less than this fraction of ``‖b‖`` stays as it is.
    """
    tiny = torch.finfo(right.dtype).tiny
    x = torch.zeros_like(right) if start is None else start
    residual = right if start is None else right - normal(x)
    direction, energy = residual, _dot(residual, residual)
    enough = tolerance**2 * _dot(right, right)
    for _ in range(steps):
        image = normal(direction)
        length = energy / _dot(direction, image).clamp_min(tiny)
        if tolerance:
            length = length.where(energy > enough, 0.0)
            if not bool(length.any()):
                break
        x = torch.addcmul(x, length, direction)
        residual = torch.addcmul(residual, length, image, value=-1)
        energy, last = _dot(residual, residual), energy
        direction = torch.addcmul(residual, energy / last.clamp_min(tiny), direction)
    return x


def ridge_inverse(
    operator: LinearOperator, y: Inexact[Tensor, "n *y"], weight: float, *, steps: int = 30
) -> Inexact[Tensor, "n *x"]:
    """``argmin ‖y − A x‖² + weight·‖x‖²``, by conjugate gradients from zero."""
    with torch.no_grad():
        return conjugate_gradients(
            lambda v: operator.normal(v) + weight * v, operator.adjoint(y), steps=steps
        )


def weighted(
    operator: LinearOperator, y: Inexact[Tensor, "n *y"], noise: Noise
) -> tuple[LinearOperator, Inexact[Tensor, "n *y"]]:
    """``√W A`` and ``√W y``, whose squared residual is that of the entries with their weights.

    Without weights the operator and the measurements themselves.
    """
    if noise.weights is None:
        return operator, y
    root = noise.weights.to(y.real).sqrt()
    return _Weighted(operator, root), y.where(root > 0, 0.0) * root


class _Weighted(LinearOperator):
    """``√W A``, the weights one row a measurement."""

    def __init__(self, operator: LinearOperator, root: Inexact[Tensor, "n *y"]) -> None:
        super().__init__()
        self.operator, self.root = operator, root
        self.input_shape, self.output_shape = operator.input_shape, operator.output_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        made: Tensor = self.operator(x)
        return self.root * made

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return self.operator.adjoint(self.root * r)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each row, ``Re Σ conj(a) b``, shaped to multiply a batch."""
    return (a.conj() * b).real.sum(tuple(range(1, a.ndim)), keepdim=True)
