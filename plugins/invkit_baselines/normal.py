"""The quadratic step of the ADMM: ``argmin over x of ½‖y − A x‖² + (β/2)‖D x − d‖² + (ρ/2)‖x − z‖²``.

    step = quadratic_step(operator, y, beta=0.04, rho=0.0)
    x = step(x, beta * differences_adjoint(d))           # (AᵀA + β DᵀD + ρ) x = Aᵀ y + the second argument

Where ``A`` tells its spectrum (`LinearOperator.spectrum`: it is a circular convolution) the equation is
solved by a division in the DFT, otherwise by some steps of conjugate gradients from the ``x`` given. As the
ADMM goes on, its ``x`` is ever closer to the next one, so few steps do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.solving import conjugate_gradients
from invkit_baselines.differences import differences, differences_adjoint, laplacian_spectrum

QuadraticStep = Callable[[Tensor, Tensor], Tensor]
"""Solves ``(AᵀA + β DᵀD + ρ) x = Aᵀ y + b`` for a batch, given an ``x`` to begin at, and ``b``."""


def quadratic_step(
    operator: LinearOperator, y: Float[Tensor, "n *y"], beta: float, rho: float, inner: int
) -> QuadraticStep:
    """By the DFT where the operator has a spectrum, else by ``inner`` steps of conjugate gradients."""
    multipliers = operator.spectrum()
    if multipliers is None:
        return _gradient_step(operator, y, beta, rho, inner)
    return _fourier_step(multipliers, y, beta, rho)


def _fourier_step(multipliers: Tensor, y: Tensor, beta: float, rho: float) -> QuadraticStep:
    """``x̂ = (K̄ ŷ + b̂) / (|K|² + β |D̂|² + ρ)``, exactly."""
    size, dims = y.shape[2:], tuple(range(2, y.ndim))
    fixed = multipliers.conj() * torch.fft.rfftn(y, dim=dims)
    weight = multipliers.abs().square() + beta * laplacian_spectrum(y) + rho
    # Zero only where A and D both lose a frequency; then so is the numerator, and the quotient is 0.
    weight = weight.clamp_min(torch.finfo(y.dtype).tiny)
    return lambda x, b: torch.fft.irfftn((fixed + torch.fft.rfftn(b, dim=dims)) / weight, size, dims)


def _gradient_step(
    operator: LinearOperator, y: Tensor, beta: float, rho: float, inner: int
) -> QuadraticStep:
    """Conjugate gradients."""
    fixed = operator.adjoint(y)

    def matrix(x: Tensor) -> Tensor:
        return operator.normal(x) + beta * differences_adjoint(differences(x)) + rho * x

    return lambda x, b: conjugate_gradients(matrix, fixed + b, x, steps=inner)
