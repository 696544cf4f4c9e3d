"""The evidence for any linear operator, from covariances written out: for small images, and for tests.

With A the operator's matrix and Σ the covariance of x,

    −log p(y) = ½ (dᵀ C⁻¹ d + log det C + p log 2π),     C = A Σ Aᵀ + σ²I,     d = y − A E[x]
    E[x | y] = E[x] + Σ Aᵀ C⁻¹ d

by a Cholesky factorisation in double precision, p³/3 operations a candidate.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError
from invkit_gaussian.moments import half_spectrum, signal_of

__all__ = ["LIMIT", "check", "cholesky", "covariance", "evidence", "gain"]

LIMIT = 2048
"""The most numbers that a signal or a measurement may have here."""


def covariance(
    basis: Float[Tensor, "r c h w"], spectrum: Float[Tensor, "*n c h half"]
) -> Float[Tensor, "*n d d"]:
    """``V Λ Vᵀ`` and a stationary part of every spectrum, channel by channel, row-major."""
    _, channels, height, width = basis.shape
    size, pixels = (height, width), height * width
    check(channels * pixels)
    units = half_spectrum(torch.eye(pixels, dtype=basis.dtype, device=basis.device).reshape(-1, *size))
    components = basis.flatten(1)
    result = (components.T @ components).repeat(*spectrum.shape[:-3], 1, 1)
    blocks = result.unflatten(-1, (channels, pixels)).unflatten(-3, (channels, pixels))
    for channel in range(channels):
        stationary = signal_of(units * spectrum[..., channel, None, :, :], size).flatten(-2)
        blocks[..., channel, :, channel, :] += stationary
    return result


def evidence(
    d: Float[Tensor, "n p"],
    a: Float[Tensor, "n p d"],
    sigma: Float[Tensor, "n d d"],
    variance: Float[Tensor, "n"],
) -> Float[Tensor, "n"]:
    """``−log p(y)`` of every candidate."""
    factor = _factor(a, sigma, variance)
    white = torch.linalg.solve_triangular(factor, d.double()[..., None], upper=False)[..., 0]
    spread = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return ((white.square().sum(1) + spread + d.shape[1] * math.log(2 * math.pi)) / 2).to(d)


def gain(
    d: Float[Tensor, "n p"],
    a: Float[Tensor, "n p d"],
    sigma: Float[Tensor, "n d d"],
    variance: Float[Tensor, "n"],
) -> Float[Tensor, "n d"]:
    """The posterior mean beside the prior's: linear in ``d``."""
    solved = torch.cholesky_solve(d.double()[..., None], _factor(a, sigma, variance)).to(d)
    return (sigma @ (a.mT @ solved))[..., 0]


def check(numbers: int) -> None:
    """Raise where covariances would be too large."""
    if numbers > LIMIT:
        raise InputError(
            f"{numbers} numbers are too many to integrate out for an operator that is no circular "
            f"convolution; the most is {LIMIT}",
            hint="choose circconv, reduce the image to grey, or make it smaller",
        )


def cholesky(matrices: Float[Tensor, "n k k"]) -> Float[Tensor, "n k k"]:
    """The lower factor of each matrix; NaN where one is not positive definite, so that its candidate is worth
    nothing and the others go on.
    """
    factors, failed = torch.linalg.cholesky_ex(matrices)
    return torch.where(failed[:, None, None] == 0, factors, torch.nan)


def _factor(a: Tensor, sigma: Tensor, variance: Tensor) -> Tensor:
    check(a.shape[1])
    identity = torch.eye(a.shape[1], dtype=torch.float64, device=a.device)
    a = a.double()
    c = a @ sigma.double() @ a.mT + variance.double()[:, None, None] * identity
    return cholesky(c)
