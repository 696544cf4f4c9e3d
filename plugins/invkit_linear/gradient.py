"""Forward differences along each axis, zero at the far border.

    D = invkit.linear("gradient")               # (c, H, W) → (2c, H, W): along rows, then columns

    (D x)[axis][p] = x[p + e] − x[p]
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, counted
from invkit_linear.anyshape import AnyShape


class Gradient(AnyShape):
    """The differences of neighbours along every axis after the channels, side by side along the channels."""

    def forward(self, x: Tensor) -> Tensor:
        differences = [
            x.diff(dim=axis, append=x.narrow(axis, x.shape[axis] - 1, 1)) for axis in range(2, x.ndim)
        ]
        return torch.cat(differences, 1)

    def adjoint(self, r: Tensor) -> Tensor:
        """Minus the divergence."""
        parts = r.chunk(r.ndim - 2, 1)
        return sum(_back(part, axis) for axis, part in enumerate(parts, start=2))  # type: ignore[return-value]

    def made_of(self, input_shape: Shape) -> Shape:
        return (input_shape[0] * (len(input_shape) - 1), *input_shape[1:])

    def input_for(self, output_shape: Shape) -> Shape:
        channels, *dims = output_shape
        if channels % len(dims):
            raise ShapeError(
                f"a gradient along {len(dims)} axes has no {counted(channels, 'channel')}",
                hint=f"give a multiple of {len(dims)} channels",
            )
        return (channels // len(dims), *dims)


def _back(r: Tensor, axis: int) -> Tensor:
    """``−(r[p] − r[p − 1])``, with nothing before the first and nothing from the last."""
    inner = r.narrow(axis, 0, r.shape[axis] - 1)
    none = torch.zeros_like(r.narrow(axis, 0, 1))
    return torch.cat([none, inner], axis) - torch.cat([inner, none], axis)
