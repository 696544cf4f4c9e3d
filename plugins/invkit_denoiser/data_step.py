"""The step of a splitting that meets the measurement: ``argmin ‖y − A x‖² + μ ‖x − z‖²``.

    step = ByDivision(linear.window(), x_shape, y)       # A a window of a circular convolution
    step = ByGradients(linear, y)                        # any A
    z = step.first()                                     # an image to start from
    x = step(z, 0.1)

`ByDivision` fills in what was not measured. With ``A x`` the measured pixels of ``v = k ⊛ x``,

    v ← y where measured,  k ⊛ x elsewhere
    x ← argmin ‖v − k ⊛ x‖² + μ ‖x − z‖²                        (division in the DFT)

are steps of majorisation and minimisation (Hunter and Lange, 2004) of the same function. A few of them from
the x of the call before are enough, for the z of a splitting moves slowly. The first x has in its holes the
means of what was measured around them: of zeros much would stay, and be taken for image. A saturated entry
says "at least y": v is ``k ⊛ x`` where that is more.
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

FILLS, HOLES = 3, 10
"""How often what was not measured is filled in, in one step: beyond the border, and where there are holes."""
GRADIENTS = 20
"""Steps of conjugate gradients in one step."""


class ByDivision:
    """The step for windows of circular convolutions whose frame holds the signal and nothing that is zero.

    Args:
        window: the convolution, and which part of it was measured.
        x_shape: that of the signal.
        y: the measurement.
        weights: 1 where it was measured, 0 elsewhere; None: everywhere.
        saturated: which entries say "at least".

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
        self.known = None if weights is None else weights > 0
        self.saturated = saturated
        self.exact = weights is None and saturated is None and self.size == tuple(y.shape[2:])
        self.y = y = y if self.known is None else filled(y, self.known)
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
        free = torch.zeros_like(part, dtype=torch.bool) if self.known is None else ~self.known
        if self.saturated is not None:
            free = free | (self.saturated & (part > self.y))
        v[(..., *self.measured)] = torch.where(free, part, self.y)
        return v

    def __call__(self, z: Float[Tensor, "n c *x"], weight: float) -> Float[Tensor, "n c *x"]:
        """``argmin ‖y − A x‖² + weight ‖x − z‖²``, nearly, from the x of the call before."""
        held, spectrum = weight * self.spectrum(self.frame(z)), self.spectrum(self.x)
        for _ in range(1 if self.exact else FILLS if self.known is None else HOLES):
            v = self.completed(spectrum)
            spectrum = (self.multipliers.conj() * self.spectrum(v) + held) / (self.power + weight)
        self.x = torch.fft.irfftn(spectrum, self.size, self.dims)
        return self.x[(..., *self.inside)]

    def spectrum(self, signal: Tensor) -> Tensor:
        """The DFT of a signal on the frame."""
        return torch.fft.rfftn(signal, dim=self.dims)


def filled(y: Float[Tensor, "n c *y"], known: Bool[Tensor, "n c *y"]) -> Float[Tensor, "n c *y"]:
    """The measurement, its holes filled by the means of what is known about them, in windows as small as will
    do; zero where nothing is known.
    """
    y, side = y.where(known, 0.0), 1
    while bool(known.any()) and not bool(known.all()) and side < 2 * max(y.shape[2:]):
        side = 2 * side + 1
        total, count = (_sums(each, side) for each in (y, known.to(y)))
        near = ~known & (count > 0.5)
        y, known = torch.where(near, (total / count.clamp(min=1)).to(y), y), known | near
    return y


def _sums(signal: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c h w"]:
    """The sums over windows of an odd side about every pixel, by cumulative sums."""
    summed = signal.double()
    for axis in (2, 3):
        length = summed.shape[axis]
        total = torch.nn.functional.pad(summed.cumsum(axis).movedim(axis, -1), (1, 0))
        place = torch.arange(length, device=signal.device)
        after, before = (place + side // 2 + 1).clamp(max=length), (place - side // 2).clamp(min=0)
        summed = (total[..., after] - total[..., before]).movedim(-1, axis)
    return summed


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
