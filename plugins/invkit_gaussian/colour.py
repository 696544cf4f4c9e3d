"""Colour axes: orthonormal coordinates of an image's channels.

    axes, deviations = colour_axes(x)          # each image's own, (n, 3, 3) and (n, 3)
    g = to_axes(axes, x)                       # (n, 3, h, w), colour axes in place of channels
    x = to_channels(axes, g)                   # and back
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["colour_axes", "to_axes", "to_channels"]


def colour_axes(x: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c c"], Float[Tensor, "n c"]]:
    """The principal colour axes of every image, as columns, and its standard deviations along them.

    The largest comes first.
    """
    centred = (x - x.mean((2, 3), keepdim=True)).flatten(2)
    covariance = centred @ centred.mT / centred.shape[-1]
    # What is not finite has no axes; it stays alone in that.
    sound = torch.isfinite(covariance).all(-1).all(-1)[:, None, None]
    variances, axes = torch.linalg.eigh(torch.where(sound, covariance, torch.zeros_like(covariance)))
    return axes.flip(-1), variances.flip(-1).clamp(min=0).sqrt()


def to_axes(
    rotation: Float[Tensor, "q c c"], x: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n c h w"]:
    """``Qᵀ x``; ``rotation`` is Q, one for all images or one for each."""
    return torch.einsum("nca,nchw->nahw", rotation.expand(len(x), -1, -1), x)


def to_channels(
    rotation: Float[Tensor, "q c c"], g: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n c h w"]:
    """``Q g``, the inverse of :func:`to_axes`."""
    return torch.einsum("nca,nahw->nchw", rotation.expand(len(g), -1, -1), g)
