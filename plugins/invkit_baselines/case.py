"""A deconvolution to be done: the measurements, what measured them, and the objective.

case = Case(operator, w, x_shape, term, gamma, palette, joint=True, bounds=None)
objective, data = case.values(x)         # ½ data + γ·TV(P x), and the data term, of each measurement
"""

from __future__ import annotations

from math import prod
from typing import Any

import attrs
import torch
from jaxtyping import Bool, Float, Inexact
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import LinearOperator, Shape, Window
from invkit_baselines.colours import Palette, recoloured
from invkit_baselines.differences import total_variation
from invkit_baselines.window import DataTerm


@attrs.frozen(eq=False)
class Case:
    """Measurements of x by ``A(w, ·)``, one row each.

    Args:
        operator, w, x_shape: A, the given w of each measurement, and the shape of x. Where borders are
            unknown, A and x are those of the whole scene.
        term: what was measured.
        gamma: the weight of the total variation of each.
        palette: the colours it is taken of.
        joint: whether a pixel's vector is of all channels.
        bounds: of the values of x.
    """

    operator: BilinearOperator
    w: Inexact[Tensor, "n *w"]
    x_shape: Shape
    term: DataTerm
    gamma: Float[Tensor, "n"]
    palette: Palette
    joint: bool
    bounds: tuple[float, float] | None

    @property
    def linear(self) -> LinearOperator:
        """A with w frozen."""
        return self.operator.given(w=self.w, x_shape=self.x_shape)

    def window(self) -> Window | None:
        """A as a window of a circular convolution of real signals, all colours alike, else None."""
        if self.term.y.is_complex() or self.term.y.shape[1] != self.x_shape[0]:
            return None
        alike = self.palette.plain or self.w.shape[1] == 1
        return self.linear.window() if alike else None

    def values(self, x: Inexact[Tensor, "n c *x"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """The objective and the data term of every measurement."""
        data = self.term(self.operator(self.w, x))
        return data / 2 + self.gamma * self.variation(x), data

    def variation(self, x: Inexact[Tensor, "n c *x"]) -> Float[Tensor, "n"]:
        """TV of P x."""
        z = x if self.palette.plain else recoloured(x, self.palette.matrix)
        return total_variation(z, "joint" if self.joint else "separate")

    def select(self, index: Tensor) -> Case:
        """The measurements ``index`` alone."""
        term = self.term.select(index)
        return attrs.evolve(self, w=self.w[index], term=term, gamma=self.gamma[index])

    @property
    def pieces(self) -> Shape:
        """Into how many parts along each axis y is divided for A to be nearly a convolution in each."""
        return self.operator.pieces(self.w, tuple(self.term.y.shape[1:]))

    def varying(self) -> Bool[Tensor, "n"]:
        """Flags of the measurements whose operator varies, so that they are solved in several pieces."""
        y_shape = tuple(self.term.y.shape[1:])
        several = [prod(self.operator.pieces(each[None], y_shape)) > 1 for each in self.w]
        return torch.tensor(several, device=self.term.y.device)

    def local(self, place: tuple[slice, ...] | None = None) -> Case:
        """The same with the operator of a place of the measurement; None: of all of it."""
        y_shape = tuple(self.term.y.shape[1:])
        whole = tuple(slice(0, length) for length in y_shape[1:])
        operator, w = self.operator.local(self.w, y_shape, place or whole)
        return attrs.evolve(self, operator=operator, w=w)

    def part(self, place: tuple[Any, ...]) -> Case:
        """A part of the measurement, by itself, where every pixel reads as many of x as it is shorter."""
        term = self.term.part(place)
        longer = (x - y for x, y in zip(self.x_shape[1:], self.term.y.shape[2:], strict=True))
        lengths = (y + more for y, more in zip(term.y.shape[2:], longer, strict=True))
        return attrs.evolve(self, term=term, x_shape=(self.x_shape[0], *lengths))

    def first(self) -> Inexact[Tensor, "n c *x"]:
        """A picture to start from, of the size of x: the measurement, cropped or continued by its edge."""
        x = self.term.y
        for axis, length in enumerate(self.x_shape[1:], start=2):
            index = torch.arange(length, device=x.device) - (length - x.shape[axis]) // 2
            x = x.index_select(axis, index.clamp(0, x.shape[axis] - 1))
        return x.clamp(*self.bounds) if self.bounds else x
