"""The matrix product ``Y = W X``: the bilinear map of matrix factorisation and dictionary learning.

    op = invkit.operator("matmul")
    Y = op(W, X)            # (n, c, rows, columns) from (n, c, rows, rank) and (n, c, rank, columns)
    invkit.operator("matmul?rank=4")        # priors of any shape follow from the measurement

Every invertible G of the inner dimension is an ambiguity: ``(W G)(G⁻¹ X) = W X``.
"""

from __future__ import annotations

from collections.abc import Sequence

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_products.basis_change import BasisChange, product


class MatrixProduct(BilinearOperator):
    """``Y[c] = W[c] X[c]``.

    Shapes without the batch axis: ``w`` (c, rows, rank), ``x`` (c, rank, columns), ``y`` (c, rows, columns).

    Args:
        rank: the inner dimension, where it is the same whatever the priors; None: a prior brings it.

    Raises:
        SpecError: a rank below 1.
    """

    ambiguities = (BasisChange(),)

    def __init__(self, rank: int | None = None) -> None:
        super().__init__()
        if rank is not None and rank < 1:
            raise SpecError(f"matmul: rank={rank}", hint="write rank=1 or more")
        self.rank = rank

    def forward(self, w: W, x: X) -> Y:
        self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        return product(w, x)

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """``Wᴴ R``."""
        self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        return product(w.mH, r)

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """``R Xᴴ``."""
        self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        return product(r, x.mH)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if not (len(w_shape) == len(x_shape) == 3 and w_shape[0] == x_shape[0] and w_shape[2] == x_shape[1]):
            raise ShapeError(
                f"w of shape {tuple(w_shape)} and x of shape {tuple(x_shape)} have no matrix product",
                hint="give w (channels, rows, rank) and x (channels, rank, columns), rank and channels equal",
            )
        if self.rank not in (None, w_shape[2]):
            raise ShapeError(
                f"w of shape {tuple(w_shape)} has {w_shape[2]} columns, the operator the rank {self.rank}",
                hint=f"write matmul?rank={w_shape[2]}, or leave rank out",
            )
        return (w_shape[0], w_shape[1], x_shape[2])

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Either matrix brings the rank, or the operator has it; the measurement brings the rest."""
        if len(y_shape) == 3 and w_shape is None and x_shape is None and self.rank:
            w_shape = (*y_shape[:2], self.rank)
        if len(y_shape) == 3 and w_shape is None and x_shape and len(x_shape) == 3:
            w_shape = (*y_shape[:2], x_shape[1])
        elif len(y_shape) == 3 and x_shape is None and w_shape and len(w_shape) == 3:
            x_shape = (y_shape[0], w_shape[2], y_shape[2])
        return super().infer_shapes(y_shape, w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """A rank below, at and above the measurement's."""
        lengths = ((1, 5, 2, 4), (2, 3, 3, 3), (1, 2, 4, 6), (1, 1, 1, 1))
        found = [(c, rows, self.rank or rank, columns) for c, rows, rank, columns in lengths]
        return [((c, rows, rank), (c, rank, columns)) for c, rows, rank, columns in found]
