"""The posterior for any linear operator, from covariances written out: for small images, and for tests.

With A the operator's matrix and Σ the covariance of x,

    −log p(y) = ½ (dᵀ C⁻¹ d + log det C + p log 2π),     C = A Σ Aᵀ + σ²I,     d = y − A E[x]
    E[x | y] = E[x] + Σ Aᵀ C⁻¹ d,                        cov(x | y) = Σ − Σ Aᵀ C⁻¹ A Σ

by a Cholesky factorisation in double precision, p³/3 operations a candidate.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.errors import InputError
from invkit_gaussian.fourier import Block, Scale
from invkit_gaussian.moments import half_spectrum, signal_of
from invkit_gaussian.posterior import Posterior, cholesky

__all__ = ["LIMIT", "Dense", "covariance"]

LIMIT = 2048
"""The most numbers that a signal or a measurement may have here."""


class Dense(Posterior):
    """See above.

    Args:
        block, scale, rotation, mean: as for :class:`invkit_gaussian.diagonal.Diagonal`.
        y: measurements.
        linear: A.
        variance: σ².

    Raises:
        InputError: more than `LIMIT` numbers.
    """

    def __init__(
        self,
        block: Block,
        scale: Scale,
        rotation: Float[Tensor, "q c c"],
        mean: Float[Tensor, "m c h w"],
        y: Float[Tensor, "n *y"],
        linear: LinearOperator,
        variance: Float[Tensor, "n"],
    ) -> None:
        _check(mean[0].numel())
        _check(y[0].numel())
        self._mean = mean.expand(len(y), -1, -1, -1)
        self._sigma = _turned(_covariances(block, scale), rotation.expand(len(y), -1, -1))
        self._a = linear.matrix(len(y), y)
        a, identity = self._a.double(), torch.eye(y[0].numel(), dtype=torch.float64, device=y.device)
        c = a @ self._sigma.double() @ a.mT + variance.double()[:, None, None] * identity
        self._factor = cholesky(c)
        self._d = (y - linear(self._mean)).flatten(1)

    def evidence(self) -> Float[Tensor, "n"]:
        white = torch.linalg.solve_triangular(self._factor, self._d.double()[..., None], upper=False)
        spread = 2 * self._factor.diagonal(dim1=1, dim2=2).log().sum(1)
        fit = white.square().sum((1, 2))
        return ((fit + spread + self._d.shape[1] * math.log(2 * math.pi)) / 2).to(self._d)

    def mean(self) -> Float[Tensor, "n c h w"]:
        return self._mean + self._gain(self._d).reshape(self._mean.shape)

    def uncertainty(self, v: Float[Tensor, "n c h w"]) -> Float[Tensor, "n"]:
        known = (self._sigma @ v.flatten(1)[..., None])[..., 0]
        left = known - self._gain((self._a @ known[..., None])[..., 0])
        return (v.flatten(1) * left).sum(1).clamp(min=0)

    def _gain(self, d: Float[Tensor, "n p"]) -> Float[Tensor, "n d"]:
        """``Σ Aᵀ C⁻¹ d``."""
        solved = torch.cholesky_solve(d.double()[..., None], self._factor).to(d)
        return (self._sigma @ (self._a.mT @ solved))[..., 0]


def covariance(
    basis: Float[Tensor, "r c h w"], spectrum: Float[Tensor, "*n c h half"], contrast: Float[Tensor, "*n"]
) -> Float[Tensor, "*n d d"]:
    """``a² V Λ Vᵀ`` and a stationary part of every spectrum, channel by channel, row-major.

    Args:
        basis: V Λ^½.
        spectrum: power of each channel's stationary part.
        contrast: a.
    """
    _, channels, height, width = basis.shape
    size, pixels = (height, width), height * width
    units = half_spectrum(torch.eye(pixels, dtype=basis.dtype, device=basis.device).reshape(-1, *size))
    components = basis.flatten(1)
    result = contrast[..., None, None].square() * (components.T @ components)
    blocks = result.unflatten(-1, (channels, pixels)).unflatten(-3, (channels, pixels))
    for channel in range(channels):
        stationary = signal_of(units * spectrum[..., channel, None, :, :], size).flatten(-2)
        blocks[..., channel, :, channel, :] += stationary
    return result


def _covariances(block: Block, scale: Scale) -> Float[Tensor, "b d d"]:
    """Each block's covariance, its free levels included."""
    spectrum = block.variances(scale).unflatten(2, tuple(block.bins.shape))
    return covariance(block.basis, spectrum, scale.contrast)


def _turned(own: Float[Tensor, "b k k"], rotation: Float[Tensor, "n c c"]) -> Float[Tensor, "n d d"]:
    """The covariance of channels from those of the colour axes' blocks, which are independent."""
    n, channels = rotation.shape[:2]
    blocks = len(own) // n
    each, pixels = channels // blocks, blocks * own.shape[1] // channels
    whole = own.new_zeros(n, channels, pixels, channels, pixels)
    for number, part in enumerate(own.reshape(n, blocks, each, pixels, each, pixels).unbind(1)):
        axes = slice(number * each, (number + 1) * each)
        whole[:, axes, :, axes] = part
    turned = torch.einsum("nia,njb,napbq->nipjq", rotation, rotation, whole)
    return turned.reshape(n, channels * pixels, channels * pixels)


def _check(numbers: int) -> None:
    if numbers > LIMIT:
        raise InputError(
            f"{numbers} numbers are too many to integrate out for an operator that is no circular convolution"
            f" (covariances are written out, of at most {LIMIT} numbers)",
            hint="use circconv, or for photographs their method (`invkit list methods`), or a smaller image",
        )
