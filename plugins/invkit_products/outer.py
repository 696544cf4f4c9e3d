"""The outer product ``y = w xᵀ``: a matrix of rank one for every channel.

    op = invkit.operator("outer")
    y = op(w, x)                                # (n, c, rows, columns) from (n, c, rows) and (n, c, columns)

Any bilinear map is a linear one of this product: the lifted view behind the convex relaxations the paper
compares with.
"""

from __future__ import annotations

from collections.abc import Sequence

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError
from invkit_products.scaling import BlockScaling


class OuterProduct(BilinearOperator):
    """``y[c] = w[c] x[c]ᵀ``.

    Shapes without the batch axis: ``w`` (c, rows), ``x`` (c, columns), ``y`` (c, rows, columns).
    """

    ambiguities = (BlockScaling("channel"),)

    def forward(self, w: W, x: X) -> Y:
        self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        return w[..., :, None] * x[..., None, :]

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """``rᵀ conj(w)``."""
        self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        return (r * w.conj()[..., :, None]).sum(2)

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """``r conj(x)``."""
        self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        return (r * x.conj()[..., None, :]).sum(3)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if not (len(w_shape) == len(x_shape) == 2 and w_shape[0] == x_shape[0]):
            raise ShapeError(
                f"w of shape {tuple(w_shape)} and x of shape {tuple(x_shape)} have no outer product",
                hint="give both the shape (channels, length), with as many channels",
            )
        return (w_shape[0], w_shape[1], x_shape[1])

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """``w`` has the measurement's rows, ``x`` its columns."""
        if len(y_shape) == 3:
            w_shape = w_shape or (y_shape[0], y_shape[1])
            x_shape = x_shape or (y_shape[0], y_shape[2])
        return super().infer_shapes(y_shape, w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        return [((1, 3), (1, 5)), ((2, 6), (2, 2)), ((1, 1), (1, 1))]
