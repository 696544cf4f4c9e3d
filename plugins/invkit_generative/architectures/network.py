"""What the architectures have in common: an encoder to a Gaussian and a decoder to values in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Signals", "VAENetwork"]

Signals = Callable[[], Tensor]
"""Gives training signals, (n, channels, height, width), to those who need them; called at most once."""


class VAENetwork(nn.Module):
    """An encoder to (mean, log-variance) and a decoder to values in [0, 1]."""

    latent_shape: tuple[int, ...]
    signal_shape: tuple[int, ...]
    encoder: nn.Module
    decoder: nn.Module

    def prepare(self, signals: Signals, variance: float) -> None:
        """Start from what the data say, before training; by default nothing: the weights stay as drawn.

        Args:
            signals: training signals, as the network sees them.
            variance: of the pixels given the latent.
        """

    def encode(self, signal: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Mean and log-variance of the approximate posterior q(latent | signal)."""
        mean, log_variance = self.encoder(signal).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The decoder's output, in [0, 1] once trained."""
        result: Tensor = self.decoder(latent)
        return result
