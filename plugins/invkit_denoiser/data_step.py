"""The step of a splitting that meets the measurement: ``argmin ‖y − A x‖² + μ ‖x − z‖²``.

    step = ByDivision(linear.window(), x_shape, y)       # A a window of a circular convolution
    step = ByGradients(linear, y)                        # any A
    z = step.first()                                     # an image to start from
    x = step(z, 0.1)

`ByDivision` fills in what was not measured. With ``A x`` the measured pixels of ``v = k ⊛ x``,

    v ← y + (1 − weight) (k ⊛ x − y) where measured,  k ⊛ x elsewhere
    x ← argmin ‖v − k ⊛ x‖² + μ ‖x − z‖²                        (division in the DFT)

are steps of majorisation and minimisation (Hunter and Lange, 2004) of the same function. A few of them from
the x of the call before are enough, for the z of a splitting moves slowly. A saturated entry says "at least
y": v is ``k ⊛ x`` where that is more.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.linear import LinearOperator, Shape, Window
from invkit.solving import conjugate_gradients

__all__ = ["ByDivision", "ByGradients", "DataStep"]

FILLS = 3
"""How often what was not measured is filled in, in one step."""
GRADIENTS = 20
"""Steps of conjugate gradients in one step."""


class ByDivision:
    """The step for windows of circular convolutions whose frame holds the signal and nothing that is zero.

    Attributes:
        exact: whether all of the frame was measured, and nothing is filled in.
    """

    def __init__(
        self,
        window: Window,
        x_shape: Shape,
        y: Float[Tensor, "n c *y"],
        weights: Float[Tensor, "n c *y"] | None = None,
        saturated: Bool[Tensor, "n c *y"] | None = None,
    ) -> None:
        self.size, self.dims = tuple(window.size), tuple(range(2, y.ndim))
        self.blurred_by(window)
        self.inside: tuple[Any, ...] = tuple(slice(length) for length in x_shape[1:])
        self.measured: tuple[Any, ...] = tuple(slice(length) for length in y.shape[2:])
        self.share: Tensor | float = 1.0
        self.saturated = saturated
        self.exact = weights is None and saturated is None and self.size == tuple(y.shape[2:])
        if weights is not None:
            self.share = weights / weights.amax().clamp(min=torch.finfo(y.dtype).tiny)
            y = y.where(weights > 0, 0.0)
        self.y = y
        start = [(x - own) // 2 for x, own in zip(x_shape[1:], y.shape[2:], strict=True)]
        frame = [(a, n - a - own) for a, n, own in zip(start, self.size, y.shape[2:], strict=True)]
        amounts = [amount for both in reversed(frame) for amount in both]
        self.x = pad(y, amounts, "replicate") if any(amounts) else y.clone()

    def convolves(self, y: Float[Tensor, "n c *y"]) -> bool:
        """Whether a measurement of this size is all of the convolution."""
        return self.size == tuple(y.shape[2:]) == tuple(self.x.shape[2:])

    def blurred_by(self, window: Window) -> None:
        """From now on the convolution is another one, of the same size."""
        self.multipliers, self.power = window.multipliers, window.multipliers.abs().square()

    def first(self) -> Float[Tensor, "n c *x"]:
        """The measurement, continued by its edge."""
        return self.x[(..., *self.inside)]

    def frame(self, z: Float[Tensor, "n c *x"]) -> Float[Tensor, "n c *frame"]:
        """z on the whole frame: beyond the signal anything will do."""
        frame = self.x.clone()
        frame[(..., *self.inside)] = z
        return frame

    def completed(self, spectrum: Tensor) -> Float[Tensor, "n c *frame"]:
        """v: the measurement, what was not measured filled in by an image on the frame, given by its DFT."""
        v = torch.fft.irfftn(self.multipliers * spectrum, self.size, self.dims)
        part = v[(..., *self.measured)]
        filled = part + self.share * (self.y - part)
        if self.saturated is not None:
            filled = torch.where(self.saturated & (part > self.y), part, filled)
        v[(..., *self.measured)] = filled
        return v

    def __call__(self, z: Float[Tensor, "n c *x"], weight: float) -> Float[Tensor, "n c *x"]:
        """``argmin ‖y − A x‖² + weight ‖x − z‖²``, nearly, from the x of the call before."""
        held, spectrum = weight * self.spectrum(self.frame(z)), self.spectrum(self.x)
        for _ in range(1 if self.exact else FILLS):
            v = self.completed(spectrum)
            spectrum = (self.multipliers.conj() * self.spectrum(v) + held) / (self.power + weight)
        self.x = torch.fft.irfftn(spectrum, self.size, self.dims)
        return self.x[(..., *self.inside)]

    def spectrum(self, signal: Tensor) -> Tensor:
        """The DFT of a signal on the frame."""
        return torch.fft.rfftn(signal, dim=self.dims)


class ByGradients:
    """The step for any linear map, by conjugate gradients."""

    def __init__(
        self,
        linear: LinearOperator,
        y: Float[Tensor, "n *y"],
        weights: Float[Tensor, "n *y"] | None = None,
    ) -> None:
        self.linear, self.weights = linear, weights
        self.fixed = linear.adjoint(y if weights is None else weights * y.where(weights > 0, 0.0))

    def first(self) -> Float[Tensor, "n c *x"]:
        """``Aᴴy``, divided by what ``AᴴA`` makes of ones."""
        spread = self._normal(torch.ones_like(self.fixed))
        return self.fixed / spread.clamp(min=0.05 * float(spread.max()))

    def __call__(self, z: Float[Tensor, "n c *x"], weight: float) -> Float[Tensor, "n c *x"]:
        """``argmin ‖y − A x‖² + weight ‖x − z‖²``, from z."""

        def normal(x: Tensor) -> Tensor:
            return self._normal(x) + weight * x

        return conjugate_gradients(normal, self.fixed + weight * z, z, steps=GRADIENTS)

    def _normal(self, x: Tensor) -> Tensor:
        if self.weights is None:
            return self.linear.normal(x)
        return self.linear.adjoint(self.weights * self.linear(x))


DataStep = ByDivision | ByGradients
"""Either; both have ``first()`` and are called with z and the weight μ."""
