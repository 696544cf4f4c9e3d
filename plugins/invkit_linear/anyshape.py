"""What the maps that fit signals of any shape have in common."""

from __future__ import annotations

import copy
from abc import abstractmethod

import invkit
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError


class AnyShape(invkit.LinearOperator):
    """A map of which a copy is tied to a shape."""

    @abstractmethod
    def made_of(self, input_shape: Shape) -> Shape:
        """The output's shape.

        Raises :class:`ShapeError` where the map does not take such signals.
        """

    def shaped(self, input_shape: Shape) -> invkit.LinearOperator:
        if self.has_shape:
            return super().shaped(input_shape)
        if len(input_shape) < 2 or min(input_shape) < 1:
            raise ShapeError(
                f"a signal of shape {tuple(input_shape)}", hint="give (channels, *dims), each at least 1"
            )
        tied = copy.copy(self)
        tied.input_shape, tied.output_shape = tuple(input_shape), self.made_of(tuple(input_shape))
        return tied
