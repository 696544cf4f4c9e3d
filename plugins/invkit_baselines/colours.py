"""The colours that a total variation is taken of: a linear map of each pixel's channels.

    palette = opponent(3, 3.0, like)         # P, (3, 3): luma first, then chroma, three times as heavy
    z = recoloured(x, palette.matrix)        # z[n, :, p] = P x[n, :, p]
    x = recoloured(z, palette.inverse)

``P = Ω Q``, where Q is orthonormal and its first row is constant: the first new channel is the channels' sum
over √c, the others are what the channels differ by. Ω weighs the others by a factor. In photographs luma has
most of the structure and as much noise as each of the others, so that the factor holds colour noise down.
What comes of it does not depend on which orthonormal rows follow the first.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float, Inexact
from torch import Tensor


@attrs.frozen(eq=False)
class Palette:
    """``P = Ω Q``: the weights Ω, the matrix P and its inverse."""

    weights: Float[Tensor, "c"]
    matrix: Float[Tensor, "c c"]
    inverse: Float[Tensor, "c c"]

    @property
    def plain(self) -> bool:
        """Whether colours stay as they are."""
        return bool((self.matrix == torch.eye(len(self.matrix)).to(self.matrix)).all())


def unchanged(channels: int, like: Tensor) -> Palette:
    """Every channel as it is."""
    eye = torch.eye(channels, dtype=like.real.dtype, device=like.device)
    return Palette(eye.sum(0), eye, eye)


def opponent(channels: int, chroma: float, like: Tensor) -> Palette:
    """The sum of the channels and what they differ by (Helmert's rows), the latter times ``chroma``."""
    rows = torch.zeros(channels, channels, dtype=torch.float64)
    rows[0] = 1
    for row in range(1, channels):
        rows[row, :row], rows[row, row] = 1, -row
    rows = rows / rows.norm(dim=1, keepdim=True)
    weights = torch.full((channels,), chroma, dtype=torch.float64)
    weights[0] = 1
    made = (weights, weights[:, None] * rows, rows.T / weights)
    return Palette(*(each.to(like.device, like.real.dtype).contiguous() for each in made))


def recoloured(x: Inexact[Tensor, "n c *dims"], matrix: Float[Tensor, "c c"]) -> Inexact[Tensor, "n c *dims"]:
    """Every pixel's channels times the matrix."""
    if len(matrix) == 1:
        return x * matrix[0, 0]
    return torch.matmul(matrix.to(x.dtype), x.flatten(2)).reshape(x.shape)
