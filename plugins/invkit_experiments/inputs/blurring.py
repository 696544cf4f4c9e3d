"""Blurred signals with known truth.

operator = invkit.operator("circconv")
blurred = blur(operator, w, x, sigma=0.01, seed=0)
blurred.y, blurred.w, blurred.x
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit

__all__ = ["Blurred", "blur"]


@attrs.frozen(eq=False)
class Blurred:
    """Measurements ``y = A(w, x) + noise`` with their kernels and images, one a row."""

    w: Float[Tensor, "n *w"]
    x: Float[Tensor, "n *x"]
    y: Float[Tensor, "n *y"]


def blur(
    operator: invkit.BilinearOperator,
    w: Float[Tensor, "n *w"],
    x: Float[Tensor, "n *x"],
    *,
    sigma: float,
    seed: int,
) -> Blurred:
    """Blur and add Gaussian noise; values are neither clipped nor rounded.

    Args:
        operator: ``A``.
        w: kernels.
        x: images in [0, 1].
        sigma: standard deviation of the noise.
        seed: random seed of the noise, which is drawn row by row: the first rows do not depend on how many
            follow.

    Returns:
        The measurements with their truth.

    Source: arXiv 1802.04073, Section 4 (σ = 0.01).
    """
    with torch.no_grad():
        clean: Tensor = operator(w, x)
    rng = torch.Generator().manual_seed(seed)
    noise = torch.stack([torch.randn(clean.shape[1:], generator=rng) for _ in range(len(clean))])
    return Blurred(w, x, clean + sigma * noise)
