"""Some of a signal's channels: one of several kernels, one band of a picture.

    C = invkit.linear("pick?first=2,total=4")               # the third of four channels
    C = invkit.linear("pick?first=0,count=3,total=4")       # the first three

Four shakes of one colour picture, the kernels side by side as four channels of w::

    kernels = [invkit.linear(f"pick?first={k},total=4") for k in range(4)]
    frames = invkit.stack([invkit.operator("circconv") @ (kernel, None) for kernel in kernels])
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_linear.anyshape import AnyShape


class Pick(AnyShape):
    """Channels ``first`` … ``first + count − 1`` of a signal.

    Args:
        first: the number of the first, from 0.
        total: how many the signal has.
        count: how many are taken, at least 1.

    Raises:
        SpecError: channels that the signal does not have.
    """

    def __init__(self, first: int, total: int, count: int = 1) -> None:
        super().__init__()
        if first < 0 or count < 1 or first + count > total:
            raise SpecError(
                f"pick: first={first}, count={count}, total={total}",
                hint="channels count from 0; write e.g. pick?first=0,count=1,total=4",
            )
        self.first, self.count, self.total = first, count, total

    def forward(self, x: Tensor) -> Tensor:
        self.made_of(tuple(x.shape[1:]))
        return x.narrow(1, self.first, self.count).clone()

    def adjoint(self, r: Tensor) -> Tensor:
        """The channels among channels of zeros."""
        made = torch.zeros(len(r), self.total, *r.shape[2:], dtype=r.dtype, device=r.device)
        made[:, self.first : self.first + self.count] = r
        return made

    def made_of(self, input_shape: Shape) -> Shape:
        if input_shape[0] != self.total:
            raise ShapeError(
                f"a signal of shape {input_shape} where {self.total} channels are expected",
                hint=f"write total={input_shape[0]}, or give a signal of {self.total} channels",
            )
        return (self.count, *input_shape[1:])

    def input_for(self, output_shape: Shape) -> Shape:
        return (self.total, *output_shape[1:])

    def example_shapes(self) -> Sequence[Shape]:
        return [(self.total, 6, 6), (self.total, 5)]
