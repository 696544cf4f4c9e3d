"""How much texture an image has: its remainder's spectrum against that of its class.

    power = texture_power(moments.texture, nuisance, regressors((64, 64), like=y))     # (n, f)

What principal components leave of an image, its hair, its noise, differs from image to image by more than
any of its frequencies does alone: a smooth face is smooth everywhere. Were the class's spectrum S taken for
every image's, kernels would be blamed for what the image lacks. So the remainder's spectrum is S T, with

    log T(f) = 2 (1, ℓ(f)) (c + L ν),     ν ~ N(0, I₂),

ℓ the logarithm of the frequency less its mean: a level and a tilt, Gaussian over the class. Of an image with
the power P(f) in bin f beside the model they are the maximum of its likelihood, the least

    Σ_f (P/S e^{−2t} + 2t),     t = (1, ℓ(f)) θ,

a convex function of θ; c and LLᵀ are mean and covariance of θ over the class.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from invkit.solving import half_weights

__all__ = ["regressors", "texture_of", "texture_power"]

_NEWTON_STEPS, _LONGEST = 30, 0.5


def regressors(size: tuple[int, int], like: Tensor) -> Float[Tensor, "f 2"]:
    """``(1, ℓ(f))`` of every bin of the half spectrum; the zero frequency counts as the lowest above it."""
    height, width = size
    rows = torch.fft.fftfreq(height, dtype=torch.float64, device=like.device)
    columns = torch.fft.rfftfreq(width, dtype=torch.float64, device=like.device)
    frequency = (rows[:, None].square() + columns.square()).sqrt().clamp(min=1 / max(size))
    counts = half_weights(size, frequency)
    log = frequency.log()
    log = log - (log * counts).sum() / counts.sum()
    return torch.stack([torch.ones_like(log), log], -1).flatten(0, 1).to(like)


def texture_power(
    texture: Float[Tensor, "2 3"], nuisance: Float[Tensor, "n 2"], at: Float[Tensor, "f 2"]
) -> Float[Tensor, "n f"]:
    """T of every candidate.

    Args:
        texture: c and L, side by side.
        nuisance: ν.
        at: see :func:`regressors`.
    """
    theta = texture[:, 0] + nuisance @ texture[:, 1:].T
    return (2 * theta @ at.T).exp()


def texture_of(power: Float[Tensor, "n c h half"], size: tuple[int, int]) -> Float64[Tensor, "n 2"]:
    """θ of every image, by Newton's method.

    Args:
        power: P/S, of all channels together.
        size: of the images.
    """
    at = regressors(size, power.double())
    counts = half_weights(size, at).flatten()
    channels, seen = power.shape[1], power.double().sum(1).flatten(1)
    theta = at.new_zeros(len(power), 2)
    for _ in range(_NEWTON_STEPS):
        left = seen * (-2 * theta @ at.T).exp()
        slope = 2 * (counts * (channels - left)) @ at
        curvature = 4 * torch.einsum("nf,fi,fj->nij", counts * left, at, at)
        # far from the minimum the curvature says too little
        curvature = curvature + 1e-9 * channels * counts.sum() * torch.diag(at.new_ones(2))
        theta = theta - torch.linalg.solve(curvature, slope).clamp(-_LONGEST, _LONGEST)
    return theta
