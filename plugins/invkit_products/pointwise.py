"""The pointwise product ``y = w ⊙ x``: masks, illumination, modulation.

    op = invkit.operator("pointwise")           # images; pointwise?dims=1 for signals
    y = op(w, x)                                # (n, 3, h, w) from (n, 1 or 3, h, w) and (n, 1 or 3, h, w)

Nothing but priors tells ``w`` from ``x``: every entry may be scaled against its partner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_products.scaling import BlockScaling


class PointwiseProduct(BilinearOperator):
    """``y = w ⊙ x``; a signal of one channel multiplies every channel of the other.

    Shapes without the batch axis: ``w`` and ``x`` (1 or c, *dims), ``y`` (c, *dims).

    Args:
        dims: 1 for signals ``(c, length)``, 2 for images ``(c, height, width)``, 3 for volumes
            ``(c, depth, height, width)``.
    """

    ambiguities = (BlockScaling("element"),)

    def __init__(self, dims: Literal[1, 2, 3] = 2) -> None:
        super().__init__()
        if dims not in (1, 2, 3):
            raise SpecError(
                f"pointwise: dims={dims!r} is none of 1, 2 and 3",
                hint="write pointwise?dims=1, pointwise?dims=2 or pointwise?dims=3",
            )
        self.measurement_dims = dims

    def forward(self, w: W, x: X) -> Y:
        self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        return w * x

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """``conj(w) ⊙ r``, summed over the channels that ``x`` serves: one each without ``x_shape``."""
        _, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        return (w.conj() * r).sum_to_size(w.shape[0], *x_shape)

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """``conj(x) ⊙ r``, summed over the channels that ``w`` serves: one each without ``w_shape``."""
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        return (x.conj() * r).sum_to_size(x.shape[0], *w_shape)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        fits = len(w_shape) == len(x_shape) == self.measurement_dims + 1 and w_shape[1:] == x_shape[1:]
        if not (fits and (w_shape[0] == x_shape[0] or 1 in (w_shape[0], x_shape[0]))):
            axes = ("length", "height, width", "depth, height, width")[self.measurement_dims - 1]
            raise ShapeError(
                f"w of shape {tuple(w_shape)} and x of shape {tuple(x_shape)} cannot be multiplied pointwise",
                hint=f"give both the shape (channels, {axes}), with as many channels or one of them with one",
            )
        return (max(w_shape[0], x_shape[0]), *x_shape[1:])

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Both have the measurement's shape unless they say otherwise."""
        return super().infer_shapes(y_shape, w_shape or tuple(y_shape), x_shape or tuple(y_shape))

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        pairs = [
            ((2, 4, 5, 2), (2, 4, 5, 2)),
            ((1, 6, 3, 2), (3, 6, 3, 2)),
            ((4, 3, 2, 3), (1, 3, 2, 3)),
            ((1, 1, 2, 2), (1, 1, 2, 2)),
        ]
        return [(w[: self.measurement_dims + 1], x[: self.measurement_dims + 1]) for w, x in pairs]
