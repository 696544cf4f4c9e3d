"""Denoisers: priors that say what they know by taking noise off.

    prior = invkit.denoiser(network)                      # any x̂ = network(noisy, sigma)
    prior.denoise(noisy, sigma)                           # (n, c, h, w), σ of each (n,)

    deblur = invkit.compose("circconv", ["known:kernel.png?normalise=sum", prior], "pnp")

A denoiser of least mean squared error takes a step up the prior's log-density: of a noisy ``v`` it makes
``v + σ² ∇ log p_σ(v)`` (Robbins 1956; Miyasawa 1961). So a solver can use it in place of a penalty
(Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors", GlobalSIP 2013). As a generator it leaves every
pixel free: ``C(m) = m``.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.arguments import as_count
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.errors import InputError, ShapeError

__all__ = ["Denoiser", "denoiser"]

Network = Callable[[Tensor, Tensor], Tensor]


class Denoiser(Generator):
    """Free pixels, and a map that removes white Gaussian noise from them. Signals are images in [0, 1]."""

    can_encode = True
    role = "image"
    bounds = (0.0, 1.0)

    #: numbers of channels that the images may have; their height and width may be any
    channels: tuple[int, ...]

    #: the largest σ that it is meant for
    noisiest: float = math.inf

    def __init__(self, channels: int | Sequence[int]) -> None:
        super().__init__()
        numbers = channels if isinstance(channels, Sequence) else (channels,)
        self.channels = tuple(as_count(each, "channels") for each in numbers)
        self.signal_shape = self.latent_shape = None

    @abstractmethod
    def denoise(
        self, signal: Float[Tensor, "n c h w"], sigma: Float[Tensor, "n"]
    ) -> Float[Tensor, "n c h w"]:
        """The images without their noise of standard deviation ``sigma``; nothing is clipped."""

    def forward(self, latent: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """A copy of the latents."""
        return latent.clone()

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return signal.clone()

    def penalty(
        self, latent: Float[Tensor, "n c h w"], signal: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n"]:
        """Zero: a denoiser has no penalty that can be computed."""
        return signal.new_zeros(len(signal))

    def shaped(self, signal_shape: Shape) -> Generator:
        """This denoiser for images of a shape.

        Raises:
            ShapeError: they are no images, or of other channels.
        """
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        if len(signal_shape) != 3 or signal_shape[0] not in self.channels:
            taken = " or ".join(map(str, self.channels))
            raise ShapeError(
                f"this denoiser takes images of {taken} channel(s), not signals of shape "
                f"{tuple(signal_shape)}",
                hint="choose a denoiser for these channels, or bring the measurement to its channels",
            )
        made = copy.copy(self)
        made.signal_shape = made.latent_shape = tuple(signal_shape)
        return made


class _Wrapped(Denoiser):
    """A denoiser by any function of noisy images and σ."""

    def __init__(self, network: Network, channels: int | Sequence[int]) -> None:
        super().__init__(channels)
        self.network = network

    def denoise(
        self, signal: Float[Tensor, "n c h w"], sigma: Float[Tensor, "n"]
    ) -> Float[Tensor, "n c h w"]:
        with torch.no_grad():
            made = self.network(signal, sigma)
        if tuple(made.shape) != tuple(signal.shape):
            raise ShapeError(
                f"the network made {tuple(made.shape)} of images of shape {tuple(signal.shape)}",
                hint="give a function (noisy, sigma) → images of the same shape",
            )
        return made.to(signal)


def denoiser(network: Network, channels: int | Sequence[int] = 3) -> Denoiser:
    """A prior made of a denoising network of your own.

    Args:
        network: maps images with values in [0, 1] and noise, ``(n, c, h, w)``, and its standard deviation,
            ``(n,)``, to the images without it. A module should be in its evaluation mode.
        channels: number of channels of the images, or the numbers that it takes, e.g. ``(1, 3)``.

    Raises:
        InputError: no function, or other channels.
    """
    if not callable(network):
        raise InputError(
            f"a denoiser is a function of noisy images and their σ, got {type(network).__name__}",
            hint="write invkit.denoiser(network, channels=1), with network(noisy, sigma)",
        )
    return _Wrapped(network, channels)
