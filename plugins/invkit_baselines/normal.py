"""The quadratic step of the ADMM: ``argmin over x of ½‖y − A x‖² + (β/2)‖D x − d‖² + (ρ/2)‖x − z‖²``.

    step = quadratic_step(operator, y, beta=0.04, rho=0.0)
    x = step(x, beta * differences_adjoint(d))           # (AᵀA + β DᵀD + ρ) x = Aᵀ y + the second argument

Where ``A`` tells its spectrum (`LinearOperator.spectrum`: it is a circular convolution) the equation is
solved by a division in the DFT, otherwise by some steps of conjugate gradients from the ``x`` given. As the
ADMM goes on, its ``x`` is ever closer to the next one, so few steps do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.solving import conjugate_gradients
from invkit_baselines.differences import differences, differences_adjoint, laplacian_spectrum


class QuadraticStep(ABC):
    """Solves ``(AᵀA + β DᵀD + ρ) x = Aᵀ y + b`` for every measurement of a batch."""

    @abstractmethod
    def __call__(
        self, x: Float[Tensor, "n c *dims"], b: Float[Tensor, "n c *dims"]
    ) -> Float[Tensor, "n c *dims"]:
        """The solution for ``b``; ``x`` is where an iteration may begin."""


def quadratic_step(
    operator: LinearOperator, y: Float[Tensor, "n *y"], beta: float, rho: float, inner: int
) -> QuadraticStep:
    """By the DFT where the operator has a spectrum, else by ``inner`` steps of conjugate gradients."""
    multipliers = operator.spectrum()
    if multipliers is not None:
        return FourierStep(multipliers, y, beta, rho)
    return GradientStep(operator, y, beta, rho, inner)


class FourierStep(QuadraticStep):
    """``x̂ = (K̄ ŷ + b̂) / (|K|² + β |D̂|² + ρ)``, exactly."""

    def __init__(self, multipliers: Tensor, y: Tensor, beta: float, rho: float) -> None:
        self.size, self.dims = y.shape[2:], tuple(range(2, y.ndim))
        self.fixed = multipliers.conj() * torch.fft.rfftn(y, dim=self.dims)
        weight = multipliers.abs().square() + beta * laplacian_spectrum(y) + rho
        # Zero only where A and D both lose a frequency; then so is the numerator, and the quotient is 0.
        self.weight = weight.clamp_min(torch.finfo(y.dtype).tiny)

    def __call__(self, x: Tensor, b: Tensor) -> Tensor:
        numerator = self.fixed + torch.fft.rfftn(b, dim=self.dims)
        return torch.fft.irfftn(numerator / self.weight, self.size, self.dims)


class GradientStep(QuadraticStep):
    """Conjugate gradients."""

    def __init__(self, operator: LinearOperator, y: Tensor, beta: float, rho: float, inner: int) -> None:
        self.operator, self.beta, self.rho, self.inner = operator, beta, rho, inner
        self.fixed = operator.adjoint(y)

    def __call__(self, x: Tensor, b: Tensor) -> Tensor:
        return conjugate_gradients(self._matrix, self.fixed + b, x, steps=self.inner)

    def _matrix(self, x: Tensor) -> Tensor:
        smooth = differences_adjoint(differences(x))
        return self.operator.normal(x) + self.beta * smooth + self.rho * x
