"""The posterior of images given an operator: evidence, mean and uncertainty from one factorisation.

    posterior = marginal.posterior(linear, nuisance, variance)
    posterior.evidence()            # −log p(y), (n,), as by marginal(…)
    posterior.mean()                # E[x | y], (n, 3, 64, 64), as by marginal.mean(…)
    posterior.uncertainty(v)        # vᵀ C v, (n,), with C the posterior's covariance

There are two of them: :mod:`invkit_gaussian.diagonal` for operators that are diagonal in the DFT, and
:mod:`invkit_gaussian.dense` for any operator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Posterior", "cholesky"]


class Posterior(ABC):
    """The posterior of one image for each measurement; everything is differentiable."""

    @abstractmethod
    def evidence(self) -> Float[Tensor, "n"]:
        """``−log p(y)`` of each measurement, in nats."""

    @abstractmethod
    def mean(self) -> Float[Tensor, "n c h w"]:
        """``E[x | y]``."""

    @abstractmethod
    def uncertainty(self, v: Float[Tensor, "n c h w"]) -> Float[Tensor, "n"]:
        """The variance ``vᵀ C v`` of the product ⟨v, x⟩, for one image v per measurement."""


def cholesky(matrices: Float[Tensor, "n k k"]) -> Float[Tensor, "n k k"]:
    """The lower factor of each matrix. A matrix that is not positive definite gives NaN, so that its
    candidate is worth nothing and the others go on.
    """
    factors, failed = torch.linalg.cholesky_ex(matrices)
    return torch.where(failed[:, None, None] == 0, factors, torch.nan)
