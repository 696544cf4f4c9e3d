"""Smooth signals: sensitivities of coils, bias fields, flat fields.

    coils = invkit.prior("sobolev?shape=8x180x230")
    field = invkit.prior("sobolev?scale=40,order=8")        # its shape follows from the measurement

    C(h) = F⁻¹ (1 + ‖scale·k‖²)^{−order/2} F h,        penalty ‖h‖²

with the discrete Fourier transform F over the axes after the channels and the frequencies k in cycles a
pixel. The penalty is the square of a Sobolev norm of the signal: a frequency costs the more the higher it is.
Signals are periodic. They are real or complex, as the latents are.

Source: M. Uecker, T. Hohage, K. T. Block and J. Frahm, "Image reconstruction by regularized nonlinear
inversion: joint estimation of coil sensitivities and image content", Magn. Reson. Med. 60(3), 2008. The
defaults are those of BART's ``nlinv``, ``(1 + 220 ‖k‖²)^{−16}``.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError

__all__ = ["Sobolev"]

#: the ridge with which signals are encoded, beside the weight of constant signals
_RIDGE = 1e-6


class Sobolev(invkit.Generator):
    """White latents, filtered to be smooth.

    Args:
        scale: frequencies above ``1 / scale`` cycles a pixel are damped, in pixels, positive.
        order: how steeply they are damped, positive.
        shape: ``(channels, *dims)`` of the signal; None lets it follow from the operator and the measurement.

    Raises:
        InputError: a scale or an order that is not positive.
        ShapeError: a shape without dimensions, or with sizes below 1.
    """

    can_encode = True
    affine = True
    field: Literal["real", "complex", "any"] = "any"

    def __init__(
        self, scale: float = 14.83, order: float = 32.0, shape: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        for name, value in (("scale", scale), ("order", order)):
            if not 0 < value < math.inf:
                raise InputError(f"{name}={value} is no positive number", hint=f"write e.g. {name}=16")
        if shape is not None and (len(shape) < 2 or min(shape) < 1):
            raise ShapeError(f"shape={shape} is not (channels, *dims)", hint="write e.g. shape=8x64x64")
        self.scale, self.order = float(scale), float(order)
        self.signal_shape = self.latent_shape = None if shape is None else tuple(shape)

    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        if self.signal_shape is None:
            return Sobolev(self.scale, self.order, tuple(signal_shape))
        return super().shaped(signal_shape)

    def forward(self, latent: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *signal"]:
        return _filtered(latent, self._weights(latent))

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *signal"]:
        """``argmin ‖C(h) − signal‖² + 10⁻⁶ ‖h‖²``: what is rough in the signal is lost."""
        weights = self._weights(signal)
        return _filtered(signal, weights / (weights.square() + _RIDGE))

    def _weights(self, like: Inexact[Tensor, "n *signal"]) -> Float[Tensor, "*dims"]:
        """``(1 + ‖scale·k‖²)^{−order/2}`` in the order of ``torch.fft.fftn``."""
        total = like.real.new_zeros(like.shape[2:])
        for axis, size in enumerate(like.shape[2:]):
            k = torch.fft.fftfreq(size, dtype=total.dtype, device=like.device)
            total = total + (self.scale * k).square().reshape(-1, *[1] * (like.ndim - 3 - axis))
        return (1 + total) ** (-self.order / 2)


def _filtered(signal: Inexact[Tensor, "n *signal"], weights: Float[Tensor, "*dims"]) -> Tensor:
    """The signal with its frequencies weighted; real signals stay real."""
    axes = tuple(range(2, signal.ndim))
    made = torch.fft.ifftn(weights * torch.fft.fftn(signal, dim=axes), dim=axes)
    return made if signal.is_complex() else made.real
