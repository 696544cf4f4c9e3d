"""Efficient filter flow: a convolution by a kernel that varies smoothly across the picture.

    op = invkit.operator("filterflow")                                # 5 × 5 kernels, zeros beyond the border
    op = invkit.operator("filterflow?tiles=3x4&boundary=unknown")     # 3 rows of 4 kernels; photographs
    y = op(w, x)                                  # w (n, 12, 21, 21), x and y (n, 3, 300, 400)
    op.nodes((3, 300, 400))                       # (12, 2): where each of the kernels is that of the picture

The measurement is divided into rows × columns of cells. Kernel t is that of the middle of cell t, its *node*;
in between kernels are interpolated. With the bilinear weights a_t, which add up to one at every pixel,

    y = Σ_t a_t ⊙ (k_t * x).

That is bilinear in (w, x). All kernels equal, it is the linear convolution (:mod:`.linear`); ``mode`` and
``boundary`` are as there. A ``w`` of one kernel is that, too. All channels of x have the same kernels.

An application costs about four convolutions, since each node's weights reach over four cells. Sources:
J. Nagy and D. O'Leary, "Restoring images degraded by spatially variant blur", SIAM J. Sci. Comput. 19(4),
1998; M. Hirsch, S. Sra, B. Schölkopf and S. Harmeling, "Efficient filter flow for space-variant multiframe
blind deconvolution", CVPR 2010, whose windows are here the bilinear ones, and multiply the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import BilinearOperator, Place, Scene
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_convolution._spectrum import Size
from invkit_convolution.linear import Boundary, LinearConvolution

Span = tuple[slice, slice]


class FilterFlow(BilinearOperator):
    """``y = Σ_t a_t ⊙ (k_t * x)``; both adjoints are closed forms.

    Shapes without the batch axis: ``w`` (rows · columns, height, width), row by row, or (1, height, width);
    ``x`` and ``y`` (c, *image), of which ``valid`` makes y smaller.

    Args:
        tiles: rows and columns of cells, with a kernel for each.
        mode: ``same`` or ``valid``, as of ``linconv``.
        boundary: how ``same`` continues the image; ``valid`` takes ``zero`` only.
    """

    roles = ("kernel", "image")

    def __init__(
        self,
        tiles: tuple[int, ...] = (5, 5),
        mode: Literal["same", "valid"] = "same",
        boundary: Boundary = "zero",
    ) -> None:
        super().__init__()
        if len(tiles) != 2 or min(tiles) < 1:
            raise SpecError(
                f"filterflow: tiles={'x'.join(map(str, tiles))} are no rows and columns of cells",
                hint="write e.g. tiles=5x5",
            )
        if mode not in ("same", "valid"):
            raise SpecError(f"filterflow has no mode={mode!r}", hint="choose from same, valid")
        self.plain = LinearConvolution(mode, boundary)
        self.valid = LinearConvolution("valid")
        self.tiles, self.mode, self.boundary = (tiles[0], tiles[1]), mode, boundary

    def forward(self, w: W, x: X) -> Y:
        y_shape = self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        if w.shape[1] == 1:
            made: Tensor = self.plain(w, x)
            return made
        x, support = self._continued(x, tuple(w.shape[2:])), tuple(w.shape[2:])
        y = torch.zeros(len(x), *y_shape, dtype=torch.promote_types(w.dtype, x.dtype), device=x.device)
        for number, span, weight in self._cells(y_shape, y):
            y[(..., *span)] += weight * self.valid(w[:, number, None], x[(..., *_read(span, support))])
        return y

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """The correlations of ``a_t ⊙ r`` with the kernels; what falls beyond the border is folded back."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        if w_shape[0] == 1:
            return self.plain.adjoint_x(w, r, x_shape)
        image = r.new_zeros(len(r), *x_shape)
        total = torch.zeros_like(self._continued(image, w_shape[1:]))
        for number, span, weight in self._cells(tuple(r.shape[1:]), r):
            one = self.valid.adjoint_x(w[:, number, None], weight * r[(..., *span)])
            total[(..., *_read(span, w_shape[1:]))] += one
        if total.shape == image.shape:
            return total
        folded: Tensor = torch.func.vjp(lambda x: self._continued(x, w_shape[1:]), image)[1](total)[0]
        return folded

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """The correlation of each ``a_t ⊙ r`` with the image, on the kernels' support, over all channels."""
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        if w_shape[0] == 1:
            return self.plain.adjoint_w(x, r, w_shape)
        x, one = self._continued(x, w_shape[1:]), (1, *w_shape[1:])
        kernels = torch.zeros(len(r), *w_shape, dtype=torch.promote_types(x.dtype, r.dtype), device=r.device)
        for number, span, weight in self._cells(tuple(r.shape[1:]), r):
            part = x[(..., *_read(span, w_shape[1:]))]
            kernels[:, number, None] = self.valid.adjoint_w(part, weight * r[(..., *span)], one)
        return kernels

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """The measurement's shape. Raises :class:`ShapeError` where kernels and image do not fit."""
        if len(w_shape) == 3 and w_shape[0] not in (1, prod(self.tiles)):
            rows, columns = self.tiles
            raise ShapeError(
                f"filterflow?tiles={rows}x{columns} takes {rows * columns} kernels, or one, not {w_shape[0]}",
                hint="choose tiles=ROWSxCOLUMNS such that there is a kernel for each",
            )
        return self.plain.output_shape((1, *w_shape[1:]) if len(w_shape) == 3 else w_shape, x_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """As of ``linconv``; kernels whose shape follows are as many as there are cells."""
        one = None if w_shape is None else (1, *w_shape[1:])
        found, x_shape = self.plain.infer_shapes(y_shape, one, x_shape)
        w_shape = (prod(self.tiles), *found[1:]) if w_shape is None else w_shape
        return super().infer_shapes(tuple(y_shape), w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Even and odd sizes, more cells than pixels, one kernel for all."""
        cells = prod(self.tiles)
        return [
            ((cells, 4, 3), (1, 9, 8)),
            ((cells, 3, 3), (3, 6, 11)),
            ((cells, 1, 2), (2, 4, 5)),
            ((1, 2, 3), (2, 7, 6)),
        ]

    def beyond(self, w_shape: Shape, x_shape: Shape) -> Scene | None:
        """With ``boundary=unknown`` the valid part of a scene larger by K − 1 pixels, else None."""
        self.output_shape(w_shape, x_shape)
        scene = self.plain.beyond((1, *w_shape[1:]), x_shape)
        return scene and Scene(FilterFlow(self.tiles, "valid"), scene.x_shape, scene.start)

    def nodes(self, y_shape: Shape) -> Float[Tensor, "k 2"]:
        """The middles of the cells, row by row."""
        lengths = zip(self.tiles, y_shape[1:], strict=True)
        axes = [(torch.arange(count, dtype=torch.float64) + 0.5) * n / count - 0.5 for count, n in lengths]
        return torch.cartesian_prod(*axes)

    def pieces(self, w: W, y_shape: Shape) -> Shape:
        """The cells; one piece where all kernels are equal."""
        return (1, 1) if bool((w == w[:, :1]).all()) else self.tiles

    def local(self, w: W, y_shape: Shape, place: Place) -> tuple[BilinearOperator, Tensor]:
        """The linear convolution by the kernel that is interpolated at the middle of the place."""
        if w.shape[1] == 1 or bool((w == w[:, :1]).all()):
            return self.plain, w[:, :1]
        rows, columns = (
            _hats(count, length, w)[:, (part.start + part.stop - 1) // 2]
            for count, length, part in zip(self.tiles, y_shape[1:], place, strict=True)
        )
        shares = (rows[:, None] * columns).reshape(-1, 1, 1)
        return self.plain, (shares * w).sum(1, keepdim=True)

    def _continued(self, x: Tensor, kernel: Size) -> Tensor:
        """The image with as much beyond its border as the kernels read there; linear in ``x``."""
        if self.mode == "valid":
            return x
        border = [amount for k in reversed(kernel) for amount in (k - 1 - k // 2, k // 2)]
        kinds = {"zero": "constant", "reflect": "reflect"}
        return pad(x, border, kinds.get(self.boundary, "replicate"))

    def _cells(self, y_shape: Shape, like: Tensor) -> Iterator[tuple[int, Span, Tensor]]:
        """Each kernel's number, the part of the measurement that its weights are not zero in, and these."""
        axes = [_hats(count, n, like) for count, n in zip(self.tiles, y_shape[1:], strict=True)]
        spans = [[_support(hat) for hat in axis] for axis in axes]
        for number in range(prod(self.tiles)):
            row, column = divmod(number, self.tiles[1])
            down, right = spans[0][row], spans[1][column]
            if down.stop > down.start and right.stop > right.start:
                yield number, (down, right), axes[0][row, down, None] * axes[1][column, right]


def _hats(count: int, length: int, like: Tensor) -> Float[Tensor, "count length"]:
    """The weights of linear interpolation between ``count`` nodes along an axis; constant beyond the last."""
    place = ((torch.arange(length, dtype=torch.float64) + 0.5) * count / length - 0.5).clamp(0, count - 1)
    apart = (torch.arange(count, dtype=torch.float64)[:, None] - place).abs()
    return (1 - apart).clamp(min=0).to(like.real)


def _support(hat: Float[Tensor, "length"]) -> slice:
    at = hat.nonzero()[:, 0].tolist()
    return slice(at[0], at[-1] + 1) if at else slice(0, 0)


def _read(span: Span, kernel: Size) -> Span:
    """The part of the image that the valid convolution reads to make a part of its result."""
    down, right = (slice(each.start, each.stop + k - 1) for each, k in zip(span, kernel, strict=True))
    return down, right
