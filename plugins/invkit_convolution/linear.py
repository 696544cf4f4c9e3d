"""Linear convolution ``y = w * x``, without wrap-around: the whole of it, its valid part, or one of the
image's size.

    op = invkit.operator("linconv")                                  # same size, zeros beyond the border
    op = invkit.operator("linconv?mode=valid")                       # only pixels the image fully determines
    op = invkit.operator("linconv?mode=same&boundary=reflect")

With K the kernel's and N the image's length along an axis, and the image continued beyond its border by the
boundary:

    full    y[p] = Σ_q w[q] x[p − q],           p = 0 … N + K − 2      zeros beyond the border
    valid   y[p] = Σ_q w[q] x[p − q + K − 1],   p = 0 … N − K          nothing beyond the border is read
    same    y[p] = Σ_q w[q] x[p − q + K // 2],  p = 0 … N − 1          zero, replicate (edge pixel) or reflect

``reflect`` mirrors about the border pixel without repeating it, as ``numpy.pad`` does. The kernel's origin
for ``same`` is ``K // 2``, as everywhere in invkit; ``scipy.signal`` takes ``(K − 1) // 2``, another pixel
for even K.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Inexact
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_convolution._boundary import extend, extension_index, fold
from invkit_convolution._shapes import by, check_signals, kernel_origin
from invkit_convolution._spectrum import Size, from_half_spectrum, half_spectrum

Mode = Literal["full", "valid", "same"]
Boundary = Literal["zero", "replicate", "reflect"]


class LinearConvolution(BilinearOperator):
    """``y = w * x`` without wrap-around, by the real FFT; both adjoints are closed forms.

    Shapes without the batch axis: ``w`` (1 or c, *kernel), ``x`` (c, *image), ``y`` (c, *size by mode). Its
    only ambiguity is the scaling: a shift moves pixels over the border, where they are lost.

    Args: mode: which part of the convolution is measured. boundary: how ``same`` continues the image;
        ``full`` and ``valid`` leave no choice and take ``zero`` only. dims: 1 for signals ``(c, length)``, 2
        for images ``(c, height, width)``.
    """

    roles = ("kernel", "image")

    def __init__(self, mode: Mode = "same", boundary: Boundary = "zero", dims: Literal[1, 2] = 2) -> None:
        super().__init__()
        for option, value, known in (
            ("mode", mode, ("full", "valid", "same")),
            ("boundary", boundary, ("zero", "replicate", "reflect")),
            ("dims", dims, (1, 2)),
        ):
            if value not in known:
                raise SpecError(
                    f"linconv: {option}={value!r} is unknown",
                    hint=f"choose from {', '.join(map(str, known))}",
                )
        if boundary != "zero" and mode != "same":
            why = (
                "reads nothing beyond the border"
                if mode == "valid"
                else "would continue the image without end"
            )
            raise SpecError(
                f"linconv: boundary={boundary} makes no sense with mode={mode}, which {why}",
                hint=f"write mode=same&boundary={boundary}, or leave the boundary out",
            )
        self.mode, self.boundary, self.measurement_dims = mode, boundary, dims

    def forward(self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        """``w * x``, (n, c, *size by mode)."""
        y_shape = self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        x = self._extended(x, tuple(w.shape[2:]))
        size, start = self._frame(tuple(w.shape[2:]), tuple(x.shape[2:]))
        whole = from_half_spectrum(half_spectrum(w, size) * half_spectrum(x, size), size, size)
        return whole[_window(start, y_shape[1:])]

    def adjoint_x(
        self, w: Inexact[Tensor, "n *w"], r: Inexact[Tensor, "n *y"], x_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *x"]:
        """The correlation of ``r`` with the kernel, what falls on the continued border folded back onto the
        image.
        """
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        index = self._index(w_shape[1:], x_shape[1:])
        extended = tuple(len(i) for i in index) if index else x_shape[1:]
        size, start = self._frame(w_shape[1:], extended)
        spectrum = half_spectrum(w, size).conj() * half_spectrum(_embedded(r, start), size)
        gradient = from_half_spectrum(spectrum, size, extended)
        return fold(gradient, index, x_shape[1:]) if index else gradient

    def adjoint_w(
        self, x: Inexact[Tensor, "n *x"], r: Inexact[Tensor, "n *y"], w_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *w"]:
        """The correlation of ``r`` with the continued image on the kernel's support, summed over the channels
        it serves.
        """
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        x = self._extended(x, w_shape[1:])
        size, start = self._frame(w_shape[1:], tuple(x.shape[2:]))
        spectrum = half_spectrum(x, size).conj() * half_spectrum(_embedded(r, start), size)
        if w_shape[0] == 1:
            spectrum = spectrum.sum(1, keepdim=True)
        return from_half_spectrum(spectrum, size, w_shape[1:])

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """The measurement's shape; raises :class:`ShapeError` where kernel and image do not fit."""
        check_signals(w_shape, x_shape, self.measurement_dims)
        kernel, image = w_shape[1:], x_shape[1:]
        if self.mode == "full":
            return (x_shape[0], *(n + k - 1 for k, n in zip(kernel, image, strict=True)))
        if self.mode == "same":
            self._index(kernel, image)
            return tuple(x_shape)
        if any(k > n for k, n in zip(kernel, image, strict=True)):
            raise ShapeError(
                f"the kernel of {by(kernel)} pixels is larger than the image of {by(image)}, "
                "which leaves no valid pixel",
                hint="choose a prior of smaller kernels, give a larger image, or use mode=same or mode=full",
            )
        return (x_shape[0], *(n - k + 1 for k, n in zip(kernel, image, strict=True)))

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """The missing shape from the lengths' sums; for ``same`` the image has the measurement's, and nothing
        tells the kernel's.
        """
        sign = {"full": -1, "valid": 1, "same": 0}[self.mode]
        if x_shape is None and self.mode == "same":
            x_shape = tuple(y_shape)
        elif x_shape is None and w_shape is not None and len(w_shape) == len(y_shape):
            x_shape = (
                y_shape[0],
                *(y + sign * (k - 1) for y, k in zip(y_shape[1:], w_shape[1:], strict=True)),
            )
        elif w_shape is None and x_shape is not None and sign and len(x_shape) == len(y_shape):
            w_shape = (1, *(sign * (n - y) + 1 for y, n in zip(y_shape[1:], x_shape[1:], strict=True)))
        return super().infer_shapes(tuple(y_shape), w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Even and odd kernels, one channel for three and one for each."""
        pairs = [
            ((1, 4, 3), (1, 7, 6)),
            ((1, 3, 5), (3, 5, 8)),
            ((2, 2, 4), (2, 6, 6)),
            ((1, 1, 1), (2, 4, 5)),
        ]
        return [(w[: self.measurement_dims + 1], x[: self.measurement_dims + 1]) for w, x in pairs]

    def _index(self, kernel: Size, image: Size) -> tuple[Tensor, ...]:
        """Per axis, the pixel each pixel of the continued image is taken from; empty where the border is
        zero.
        """
        if self.boundary == "zero":
            return ()
        return tuple(
            extension_index(n, k - 1 - k // 2, k // 2, self.boundary)
            for k, n in zip(kernel, image, strict=True)
        )

    def _extended(self, x: Tensor, kernel: Size) -> Tensor:
        index = self._index(kernel, tuple(x.shape[2:]))
        return extend(x, index) if index else x

    def _frame(self, kernel: Size, image: Size) -> tuple[Size, Size]:
        """The size of the transforms, and where in the circular result the measurement begins."""
        if self.mode == "valid" or self.boundary != "zero":  # what wraps around falls outside the valid part
            return image, tuple(k - 1 for k in kernel)
        size = tuple(next_fast_len(n + k - 1, real=True) for k, n in zip(kernel, image, strict=True))
        return size, (0,) * len(kernel) if self.mode == "full" else kernel_origin(kernel)


def _window(start: Size, lengths: Size) -> tuple[slice, ...]:
    window = (slice(first, first + length) for first, length in zip(start, lengths, strict=True))
    return (slice(None), slice(None), *window)


def _embedded(r: Tensor, start: Size) -> Tensor:
    """``r`` moved to ``start``, zeros before it: the adjoint of the window."""
    before = [amount for first in reversed(start) for amount in (first, 0)]
    return pad(r, before) if any(start) else r
