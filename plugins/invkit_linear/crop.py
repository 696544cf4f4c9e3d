"""The middle of a signal, without a margin.

C = invkit.linear("crop?margin=4")           # four pixels less at every border
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_linear.anyshape import AnyShape


class Crop(AnyShape):
    """What is left of a signal without ``margin`` pixels at both ends of each axis.

    Args:
        margin: pixels, 0 or more.

    Raises:
        SpecError: a negative margin.
    """

    def __init__(self, margin: int) -> None:
        super().__init__()
        if margin < 0:
            raise SpecError(f"crop: margin={margin}", hint="write a margin of 0 or more pixels")
        self.margin = margin

    def forward(self, x: Tensor) -> Tensor:
        self.made_of(tuple(x.shape[1:]))
        return x[self._inside(tuple(x.shape[1:]))].clone()

    def adjoint(self, r: Tensor) -> Tensor:
        """The signal with a margin of zeros."""
        shape = self.input_for(tuple(r.shape[1:]))
        made = torch.zeros(len(r), *shape, dtype=r.dtype, device=r.device)
        made[self._inside(shape)] = r
        return made

    def made_of(self, input_shape: Shape) -> Shape:
        if min(input_shape[1:]) <= 2 * self.margin:
            raise ShapeError(
                f"a margin of {self.margin} pixels leaves nothing of a signal of shape {input_shape}",
                hint="give a smaller margin, or a larger signal",
            )
        return (input_shape[0], *(length - 2 * self.margin for length in input_shape[1:]))

    def input_for(self, output_shape: Shape) -> Shape:
        return (output_shape[0], *(length + 2 * self.margin for length in output_shape[1:]))

    def _inside(self, shape: Shape) -> tuple[Any, ...]:
        return (..., *(slice(self.margin, length - self.margin) for length in shape[1:]))
