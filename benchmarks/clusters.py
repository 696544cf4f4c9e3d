"""A class as several Gaussians, in place of one: clusters of its images, each with components of its own.

    mixture = clusters(rows, whole, count=8, rank=64)
    mixture.marginal(y)                              # see invkit_gaussian.mixture

Expectation and maximisation for K Gaussians of mean zero. With C_k the covariance and N_k = Σ_i r_ik the
weight of cluster k, C that of all images, σ² a little noise and n₀ images' worth of trust in C,

    r_ik = π_k N(g_i; 0, C_k + σ²I) / Σ_j π_j N(g_i; 0, C_j + σ²I)
    C_k  = (Σ_i r_ik g_i g_iᵀ + n₀ C) / (N_k + n₀),      π_k = N_k / n

An image's negative is as probable as the image, so that the means are zero.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.mixture import Mixture
from invkit_gaussian.moments import Moments

__all__ = ["clusters", "log_densities"]

#: n₀; σ², of images of unit variance; the rounds of EM; those of k-means before, on so many components
_TRUST, _NOISE, _ROUNDS = 50, 2e-3, 5
_FIRST_ROUNDS, _FIRST_COMPONENTS = 15, 40


def clusters(rows: Float[Tensor, "n d"], whole: Moments, count: int, rank: int, seed: int = 0) -> Mixture:
    """Fit the mixture.

    Args:
        rows: images of unit variance along their first colour axis.
        whole: the Gaussian of the same class, of axes: what the clusters share is taken from it.
        count: K.
        rank: components of each; its spectrum takes over what the others hold.
        seed: of the first centres.
    """
    covariance = rows.T @ rows / len(rows)
    responsibilities = _first(rows, covariance, count, torch.Generator().manual_seed(seed))
    for _ in range(_ROUNDS):
        weight = responsibilities.sum(0)
        scatter = [(rows * each[:, None]).T @ rows for each in responsibilities.T]
        own = [(s + _TRUST * covariance) / (n + _TRUST) for s, n in zip(scatter, weight, strict=True)]
        shares = weight.clamp(min=1e-3) / len(rows)
        joint = torch.stack([log_densities(rows, each) for each in own], 1) + shares.log()
        responsibilities = joint.softmax(1)
    return Mixture([Gaussian(_moments(each, whole, rank)) for each in own], shares.tolist())


def log_densities(rows: Float[Tensor, "n d"], covariance: Float[Tensor, "d d"]) -> Float[Tensor, "n"]:
    """``log N(g; 0, C + σ²I)`` but for a constant."""
    factor = torch.linalg.cholesky(covariance + _NOISE * torch.eye(len(covariance)))
    white = torch.linalg.solve_triangular(factor, rows.T, upper=False)
    density: Tensor = -white.square().sum(0) / 2 - factor.diagonal().log().sum()
    return density


def _first(rows: Tensor, covariance: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """k-means on the leading components, an image and its negative being the same."""
    low = rows @ torch.linalg.eigh(covariance)[1][:, -_FIRST_COMPONENTS:]
    centres = low[torch.randperm(len(low), generator=rng)[:count]]
    for _ in range(_FIRST_ROUNDS):
        product = low @ centres.T
        nearest = (centres.square().sum(1) - 2 * product.abs()).argmin(1)
        signed = low * product.gather(1, nearest[:, None]).sign()
        belongs = torch.nn.functional.one_hot(nearest, count).to(low)
        centres = belongs.T @ signed / belongs.sum(0).clamp(min=1)[:, None]
    return belongs


def _moments(covariance: Tensor, whole: Moments, rank: int) -> Moments:
    """The leading components of a covariance, and the spectrum of the rest."""
    variances, vectors = torch.linalg.eigh(covariance.double())
    basis = (vectors * variances.clamp(min=0).sqrt()).T.flip(0).float()
    floor = torch.full_like(whole.spectrum, float(whole.spectrum.min()))
    complete = attrs.evolve(whole, basis=basis.reshape(-1, *whole.basis.shape[1:]), spectrum=floor)
    return complete.truncated(rank)
