"""Linear convolution ``y = w * x``, without wrap-around: the whole of it, its valid part, or one of the
image's size.

    op = invkit.operator("linconv")                                  # same size, zeros beyond the border
    op = invkit.operator("linconv?mode=valid")                       # only pixels the image fully determines
    op = invkit.operator("linconv?mode=same&boundary=reflect")
    op = invkit.operator("linconv?mode=same&boundary=unknown")       # photographs
    op.beyond((1, 21, 21), (3, 256, 256))                            # valid, of a scene of 276 × 276

With K the kernel's and N the image's length along an axis, and the image continued beyond its border by the
boundary:

    full    y[p] = Σ_q w[q] x[p − q],           p = 0 … N + K − 2      zeros beyond the border
    valid   y[p] = Σ_q w[q] x[p − q + K − 1],   p = 0 … N − K          nothing beyond the border is read
    same    y[p] = Σ_q w[q] x[p − q + K // 2],  p = 0 … N − 1          zero, replicate, reflect, unknown

``replicate`` repeats the border pixel. ``reflect`` mirrors about the border pixel without repeating it, as
``numpy.pad`` does. The kernel's origin for ``same`` is ``K // 2``, as everywhere in invkit; ``scipy.signal``
takes ``(K − 1) // 2``, another pixel for even K.

With ``unknown`` the operator continues the image by its edge pixels, as ``replicate`` does, but says that
what lies beyond the border is not known (:meth:`~invkit.contracts.bilinear.BilinearOperator.beyond`): the
measurement is the valid part of a scene larger by K − 1 pixels, in which the image begins at ``(K − 1) //
2``. Solvers that recover the scene, e.g. by total variation, invent no border.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import GivenW, Scene
from invkit.contracts.linear import LinearOperator, Shape, Window
from invkit.errors import ShapeError, SpecError
from invkit_convolution._convolution import Convolution, check_option
from invkit_convolution._spectrum import Size, kernel_origin, multipliers, transfer

Mode = Literal["full", "valid", "same"]
Boundary = Literal["zero", "replicate", "reflect", "unknown"]

LARGE = 1 << 22
"""Numbers of an image from which it is convolved in parts."""
PART = 768
"""Pixels a side of a part that is convolved at once, at least: fast DFTs, in a core's cache."""

#: how many times K − 1 pixels the measurement is longer than the image
_LONGER = {"full": 1, "valid": -1, "same": 0}


class LinearConvolution(Convolution):
    """``y = w * x`` without wrap-around, by the real FFT; both adjoints are closed forms.

    Shapes without the batch axis: ``w`` (1 or c, *kernel), ``x`` (1 or c, *image), ``y`` (c, *size by mode).
    The scaling is its only ambiguity: a shift moves pixels over the border, where they are lost.

    Args:
        mode: which part of the convolution is measured.
        boundary: how ``same`` continues the image; ``full`` and ``valid`` take ``zero`` only.
        dims: 1 for signals ``(c, length)``, 2 for images ``(c, height, width)``, 3 for volumes
            ``(c, depth, height, width)``.
    """

    def __init__(self, mode: Mode = "same", boundary: Boundary = "zero", dims: Literal[1, 2, 3] = 2) -> None:
        super().__init__(dims)
        check_option("mode", mode, get_args(Mode))
        check_option("boundary", boundary, get_args(Boundary))
        if boundary != "zero" and mode != "same":
            beyond = "reads nothing beyond the border"
            why = beyond if mode == "valid" else "would continue the image without end"
            raise SpecError(
                f"linconv: boundary={boundary} makes no sense with mode={mode}, which {why}",
                hint=f"write mode=same&boundary={boundary}, or leave the boundary out",
            )
        self.mode, self.boundary = mode, boundary

    def forward(self, w: W, x: X) -> Y:
        """``w * x``. Large images are convolved part by part, which takes less time and memory."""
        if x[0].numel() <= LARGE or self.measurement_dims != 2 or w.is_complex() or x.is_complex():
            return super().forward(w, x)
        _, *size = self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        channels = max(w.shape[1], x.shape[1])
        pairs = zip(*(each.expand(-1, channels, -1, -1).split(1, 1) for each in (w, x)), strict=True)
        return torch.cat([self._in_parts(kernel, image, (size[0], size[1])) for kernel, image in pairs], 1)

    def _in_parts(self, w: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
        """The convolution of one channel, part by part: each part of the measurement is the valid convolution
        of a part of the image. This is known as overlap-save.
        """
        high, wide = w.shape[2:]
        valid = LinearConvolution("valid")
        x = self._surrounded(x, (high, wide))
        down, across = (max(PART, 4 * k) - k + 1 for k in (high, wide))
        rows = []
        for top in range(0, size[0], down):
            band = x[:, :, top : top + down + high - 1]
            parts = [
                Convolution.forward(valid, w, band[..., left : left + across + wide - 1])
                for left in range(0, size[1], across)
            ]
            rows.append(torch.cat(parts, 3))
        return torch.cat(rows, 2)

    def _surrounded(self, x: Tensor, kernel: Size) -> Tensor:
        """The image with as much around it that the measurement is the valid part of a convolution."""
        if self.mode == "valid" or self.boundary != "zero":
            return self._continued(x, kernel)
        sides = [(k - 1, k - 1) if self.mode == "full" else (k - 1 - k // 2, k // 2) for k in kernel]
        return pad(x, [amount for both in reversed(sides) for amount in both])

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """The measurement's shape. Raises :class:`ShapeError` where kernel and image do not fit."""
        remedy = "give a larger image, or use mode=same or mode=full" if self.mode == "valid" else ""
        self._check_signals(w_shape, x_shape, larger=remedy)
        for k, n in zip(w_shape[1:], x_shape[1:], strict=True):
            if self.boundary == "reflect" and k // 2 >= n:
                raise ShapeError(
                    f"an axis of {n} pixels cannot be reflected {k // 2} pixels beyond its border",
                    hint="choose a prior of smaller kernels, give a larger image, or use boundary=replicate",
                )
        longer = _LONGER[self.mode]
        channels = max(w_shape[0], x_shape[0])
        return (channels, *(n + longer * (k - 1) for k, n in zip(w_shape[1:], x_shape[1:], strict=True)))

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """The missing shape from the lengths' sums. For ``same`` the image has the measurement's, and nothing
        tells the kernel's.
        """
        longer = _LONGER[self.mode]
        if x_shape is None and not longer:
            x_shape = tuple(y_shape)
        elif x_shape is None and w_shape is not None and len(w_shape) == len(y_shape):
            lengths = (y - longer * (k - 1) for y, k in zip(y_shape[1:], w_shape[1:], strict=True))
            x_shape = (y_shape[0], *lengths)
        elif w_shape is None and x_shape is not None and longer and len(x_shape) == len(y_shape):
            w_shape = (1, *(longer * (y - n) + 1 for y, n in zip(y_shape[1:], x_shape[1:], strict=True)))
        return super().infer_shapes(tuple(y_shape), w_shape, x_shape)

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """This operator with one argument frozen; with ``w`` frozen, its ``window()`` is known, except where
        pixels are invented beyond the border.
        """
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return LinearGivenW(self, view.w, view.input_shape) if isinstance(view, GivenW) else view

    def beyond(self, w_shape: Shape, x_shape: Shape) -> Scene | None:
        """With ``boundary=unknown`` the valid part of a scene larger by K − 1 pixels, else None."""
        if self.boundary != "unknown":
            return None
        self.output_shape(w_shape, x_shape)
        larger = (n + k - 1 for k, n in zip(w_shape[1:], x_shape[1:], strict=True))
        valid = LinearConvolution("valid", dims=self.measurement_dims)  # type: ignore[arg-type]
        return Scene(valid, (x_shape[0], *larger), tuple((k - 1) // 2 for k in w_shape[1:]))

    def window(self, w: Tensor, image: Size) -> Window | None:
        """The window that ``given(w=w).window()`` tells."""
        kernel = tuple(w.shape[2:])
        if self.boundary != "zero" or w.is_complex():
            return None
        size, start = self._frame(kernel, image)
        return Window(
            multipliers(transfer(w, size, start), size),
            size,
            "unread" if self.mode == "valid" else "zero",
        )

    def _continued(self, x: Tensor, kernel: Size) -> Tensor:
        if self.boundary == "zero":
            return x
        border = [amount for k in reversed(kernel) for amount in (k - 1 - k // 2, k // 2)]
        return pad(x, border, "reflect" if self.boundary == "reflect" else "replicate")

    def _frame(self, kernel: Size, image: Size) -> tuple[Size, Size]:
        if self.mode == "valid" or self.boundary != "zero":  # what wraps around falls outside the valid part
            return tuple(map(_fast, image)), tuple(k - 1 for k in kernel)
        size = tuple(_fast(n + k - 1) for k, n in zip(kernel, image, strict=True))
        return size, (0,) * len(kernel) if self.mode == "full" else kernel_origin(kernel)


def _fast(length: int) -> int:
    """At least so long, with a fast real DFT: even, since odd ones take up to twice the time."""
    return 2 * int(next_fast_len(-(-length // 2), real=True))


class LinearGivenW(GivenW):
    """``x ↦ w * x``, a window of a circular convolution where no pixels are invented."""

    operator: LinearConvolution

    def window(self) -> Window | None:
        """With zeros beyond the image, or nothing of it read; else None."""
        return self.operator.window(self.w, self.input_shape[1:])
