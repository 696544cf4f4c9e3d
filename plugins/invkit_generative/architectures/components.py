"""Principal components of training signals, and the encoder that they make.

    mean, directions, spread = principal_components(rows, 100)
    encoder = ComponentEncoder((3, 64, 64), 100)
    encoder.prepare(lambda: signals, variance=0.01)

Source: M. Tipping and C. Bishop, "Probabilistic Principal Component Analysis", 1999, eq. 6-8; the randomised
decomposition: N. Halko, P. Martinsson and J. Tropp, arXiv 0909.4061.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit_generative.architectures.network import Signals

__all__ = ["ComponentEncoder", "at_most", "principal_components"]

_MAX_SIGNALS = 20_000
_EXTRA_DIRECTIONS = 64  # of the randomised decomposition, beyond those that are kept


def at_most(signals: Tensor, count: int = _MAX_SIGNALS) -> Tensor:
    """Return the signals, or every so many of them where they are more than ``count``."""
    return signals[:: max(1, -(-len(signals) // count))]


def principal_components(
    rows: Float[Tensor, "n d"], count: int
) -> tuple[Float[Tensor, "d"], Float[Tensor, "d k"], Float[Tensor, "k"]]:
    """Return mean, orthonormal directions and variance along each, largest first.

    Raises:
        WeightsError: there are too few signals for so many.
    """
    if len(rows) <= count + _EXTRA_DIRECTIONS:
        raise WeightsError(
            f"{count} principal components need more than {count + _EXTRA_DIRECTIONS} signals, "
            f"there are {len(rows)}",
            hint="set a smaller latent in architecture_options",
        )
    mean = rows.mean(0)
    sketch = min(count + _EXTRA_DIRECTIONS, rows.shape[1])
    _, singular, directions = torch.svd_lowrank(rows - mean, q=sketch, niter=3)
    return mean, directions[:, :count], singular[:count].square() / len(rows)


class ComponentEncoder(nn.Module):
    """A linear encoder that starts as the posterior of probabilistic PCA.

        q(z | x) = N(√λ/(λ + variance) · vᵀ(x − μ), variance/(λ + variance))      for every component v, λ

    A generator trained with it has no latent code to invent: it learns to draw from one that is good already,
    many times faster than along with an untrained encoder.

    Args:
        signal_shape: (channels, height, width).
        latent: how many components.
    """

    scale: Tensor

    def __init__(self, signal_shape: tuple[int, ...], latent: int) -> None:
        super().__init__()
        dimension = math.prod(signal_shape)
        # entries of the components are small; kept near 1, Adam's steps suit them and networks alike
        self.unit = dimension**-0.5
        self.vectors = nn.Parameter(torch.randn(latent, dimension))
        self.mean = nn.Parameter(torch.full((dimension,), 0.5))
        self.log_variance = nn.Parameter(torch.zeros(latent))
        self.register_buffer("scale", torch.ones(latent))

    @torch.no_grad()
    def prepare(self, signals: Signals, variance: float) -> None:
        latent = len(self.scale)
        mean, directions, spread = principal_components(at_most(signals()).flatten(1), latent)
        self.mean.copy_(mean)
        self.vectors.copy_(directions.T / self.unit)
        self.scale.copy_(spread.sqrt() / (spread + variance))
        self.log_variance.copy_((variance / (spread + variance)).log())

    def forward(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n both"]:
        along = (signal.flatten(1) - self.mean) @ self.vectors.T * self.unit
        return torch.cat([along * self.scale, self.log_variance.expand_as(along)], 1)
