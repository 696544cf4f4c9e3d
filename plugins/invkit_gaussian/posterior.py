"""The posterior of an image given the operator: evidence, mean and uncertainty from one factorisation.

    posterior = marginal.posterior(linear, nuisance, variance)
    posterior.evidence              # −log p(y), (n,), as by marginal(…)
    posterior.mean                  # E[x | y], (n, 3, 64, 64), as by marginal.mean(…)
    posterior.uncertainty(v)        # vᵀ C v, (n,), with C the posterior's covariance

In the terms of :mod:`invkit_gaussian.fourier`, an image given z has the spectra a F(V Λ^½) z + K̄ P / N left,
of which z multiplies (1 − |K|²P/N) a F(V Λ^½) = σ²/N a F(V Λ^½), and the covariance P − |K|²P²/N = σ²P/N. z
itself has covariance M⁻¹ = (L Lᵀ)⁻¹. So

    vᵀ C v = Σ σ²P/N |v|² + ‖L⁻¹ b‖²,     b = Re( (σ²/N a F(V Λ^½))ᴴ v ),

a sum of squares: nothing cancels, however certain the posterior is.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from jaxtyping import Complex, Float, Float64
from torch import Tensor

from invkit_gaussian import dense

__all__ = ["Posterior", "dense_posterior", "uncertainty"]


@attrs.frozen(eq=False)
class Posterior:
    """See above.

    Args:
        evidence: the negative log-density of every measurement.
        mean: the expected images.
        uncertainty: the variance of the product ⟨v, x⟩ for one image v a candidate.
    """

    evidence: Float[Tensor, "n"]
    mean: Float[Tensor, "n c h w"]
    uncertainty: Callable[[Tensor], Tensor]


def uncertainty(
    v: Complex[Tensor, "n c f"],
    prior: Float[Tensor, "n c f"],
    noise: Float[Tensor, "n c f"],
    variance: Float[Tensor, "n"],
    project: Callable[[Tensor], Tensor],
    factor: Float64[Tensor, "n r r"],
) -> Float[Tensor, "n"]:
    """``vᵀ C v`` of spectra.

    Args:
        v: as by `Block.spectra`.
        prior: P.
        noise: N.
        variance: σ².
        project: spectra s ↦ Re((a F(V Λ^½))ᴴ s), (n, r).
        factor: L.
    """
    left = variance[:, None, None] / noise
    free = (left * prior * (v.real.square() + v.imag.square())).sum((1, 2))
    b = project(torch.view_as_complex(torch.view_as_real(v) * left[..., None]))
    white = torch.linalg.solve_triangular(factor, b.double()[..., None], upper=False)[..., 0]
    return free + white.square().sum(1).to(free)


def dense_posterior(
    d: Float[Tensor, "n p"],
    mean: Float[Tensor, "c h w"],
    a: Float[Tensor, "n p d"],
    sigma: Float[Tensor, "n d d"],
    variance: Float[Tensor, "n"],
) -> Posterior:
    """The same from covariances written out; see :mod:`invkit_gaussian.dense`."""

    def spread(v: Tensor) -> Tensor:
        known = (sigma @ v.flatten(1)[..., None])[..., 0]
        left = known - dense.gain((a @ known[..., None])[..., 0], a, sigma, variance)
        return (v.flatten(1) * left).sum(1).clamp(min=0)

    found = dense.gain(d, a, sigma, variance).reshape(-1, *mean.shape)
    return Posterior(dense.evidence(d, a, sigma, variance), mean + found, spread)
