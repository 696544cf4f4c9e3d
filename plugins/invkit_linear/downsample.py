"""Fewer pixels: blocks of ``factor`` pixels along each axis become one.

    D = invkit.linear("downsample?factor=2")                  # the mean of each block, as a detector takes it
    D = invkit.linear("downsample?factor=2,by=first")         # its first pixel
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_linear.anyshape import AnyShape


class Downsample(AnyShape):
    """One number for each block, over all axes after the channels.

    Args:
        factor: pixels of a block along each axis, at least 1; divides the signal's lengths.
        by: ``mean`` of the block, or its ``first`` pixel.

    Raises:
        SpecError: a factor below 1, or another ``by``.
    """

    def __init__(self, factor: int = 2, by: Literal["mean", "first"] = "mean") -> None:
        super().__init__()
        if factor < 1 or by not in ("mean", "first"):
            raise SpecError(
                f"downsample: factor={factor}, by={by}", hint="write downsample?factor=2, by=mean or by=first"
            )
        self.factor, self.by = factor, by

    def forward(self, x: Tensor) -> Tensor:
        self.made_of(tuple(x.shape[1:]))
        if self.by == "first":
            return x[self._firsts(x.ndim)].clone()
        for axis in range(x.ndim - 1, 1, -1):
            x = x.unflatten(axis, (-1, self.factor)).mean(axis + 1)
        return x

    def adjoint(self, r: Tensor) -> Tensor:
        """The pixels put back, among zeros, or spread over their blocks."""
        if self.by == "first":
            shape = self.input_for(tuple(r.shape[1:]))
            made = torch.zeros(len(r), *shape, dtype=r.dtype, device=r.device)
            made[self._firsts(r.ndim)] = r
            return made
        dims = r.ndim - 2
        for axis in range(2, r.ndim):
            r = r.repeat_interleave(self.factor, axis)
        return r / self.factor**dims

    def made_of(self, input_shape: Shape) -> Shape:
        if any(length % self.factor for length in input_shape[1:]):
            raise ShapeError(
                f"blocks of {self.factor} pixels do not divide a signal of shape {input_shape}",
                hint=f"crop the signal to lengths that {self.factor} divides",
            )
        return (input_shape[0], *(length // self.factor for length in input_shape[1:]))

    def input_for(self, output_shape: Shape) -> Shape:
        return (output_shape[0], *(length * self.factor for length in output_shape[1:]))

    def _firsts(self, ndim: int) -> tuple[Any, ...]:
        return (slice(None), slice(None), *[slice(None, None, self.factor)] * (ndim - 2))
