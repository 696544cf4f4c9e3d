"""Circular convolution ``y = w * x``, the operator of the paper (arXiv 1802.04073, equation (1)).

    op = invkit.operator("circconv")          # images; circconv?dims=1 for signals
    y = op(w, x)                              # kernels (n, 1, 28, 28), images (n, 3, 64, 64)
    value, grad_w, grad_x = op.misfit(y).value_and_gradients(w, x)
    op.given(w=w, x_shape=(3, 64, 64)).spectrum()        # (n, 1, 64, 33): what multiplies rfft2(x)

With the kernel's origin ``o`` at its pixel ``size // 2`` and indices taken modulo the image's size,

    y[p] = Σ_q w[q] x[p − q + o]        that is, in the DFT domain,        ŷ = e^{2πi k·o/N} ŵ ⊙ x̂.

A kernel of one channel serves every channel of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Complex, Inexact
from torch import Tensor

from invkit.contracts.ambiguity import Scaling
from invkit.contracts.bilinear import BilinearOperator, GivenW
from invkit.contracts.linear import LinearOperator, Shape
from invkit.errors import ShapeError, SpecError
from invkit_convolution._shapes import by, check_signals, kernel_origin
from invkit_convolution._spectrum import Size, from_half_spectrum, half_spectrum, in_blocks, shift_phase
from invkit_convolution.circular_misfit import CircularMisfit
from invkit_convolution.shift import Shift


class CircularConvolution(BilinearOperator):
    """``y = w * x`` with wrap-around, kernels smaller than or equal to the image, by the real FFT.

    Shapes without the batch axis: ``w`` (1 or c, *kernel), ``x`` and ``y`` (c, *image). Both adjoints are
    closed forms.

    Args:
        dims: 1 for signals ``(c, length)``, 2 for images ``(c, height, width)``.
    """

    roles = ("kernel", "image")

    def __init__(self, dims: Literal[1, 2] = 2) -> None:
        super().__init__()
        if dims not in (1, 2):
            raise SpecError(
                f"circconv: dims={dims!r} is neither 1 nor 2", hint="write circconv?dims=1 or circconv?dims=2"
            )
        self.measurement_dims = dims
        self.ambiguities = (Scaling(), Shift())

    def forward(self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        """``w * x``, (n, c, *image)."""
        self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        size = tuple(x.shape[2:])

        def block(w: Tensor, x: Tensor) -> tuple[Tensor]:
            return (from_half_spectrum(_transfer(w, size) * half_spectrum(x, size), size, size),)

        return in_blocks(block, w, x, size=size)[0]

    def adjoint_x(
        self, w: Inexact[Tensor, "n *w"], r: Inexact[Tensor, "n *y"], x_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *x"]:
        """The correlation of ``r`` with the kernel: in the DFT domain, ``conj(ŵ) ⊙ r̂``."""
        self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        size = tuple(r.shape[2:])

        def block(w: Tensor, r: Tensor) -> tuple[Tensor]:
            return (from_half_spectrum(_transfer(w, size).conj() * half_spectrum(r, size), size, size),)

        return in_blocks(block, w, r, size=size)[0]

    def adjoint_w(
        self, x: Inexact[Tensor, "n *x"], r: Inexact[Tensor, "n *y"], w_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *w"]:
        """The correlation of ``r`` with the image on the kernel's support, summed over the channels it
        serves.

        Without ``w_shape`` the kernel is as large as the image and has one channel.
        """
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        size, support, broadcast = tuple(x.shape[2:]), w_shape[1:], w_shape[0] == 1

        def block(x: Tensor, r: Tensor) -> tuple[Tensor]:
            correlation = half_spectrum(x, size).conj() * half_spectrum(r, size)
            correlation = correlation.sum(1, keepdim=True) if broadcast else correlation
            phase = shift_phase(size, kernel_origin(support), correlation.dtype, correlation.device)
            return (from_half_spectrum(correlation * phase.conj(), size, support),)

        return in_blocks(block, x, r, size=size)[0]

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """This operator with one argument frozen; with ``w`` frozen, its ``spectrum()`` is known."""
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return CircularGivenW(self, view.w, view.input_shape) if isinstance(view, GivenW) else view

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """The image's shape; raises :class:`ShapeError` where the kernel is larger or the channels do not
        fit.
        """
        check_signals(w_shape, x_shape, self.measurement_dims)
        if any(k > s for k, s in zip(w_shape[1:], x_shape[1:], strict=True)):
            raise ShapeError(
                f"the kernel of {by(w_shape[1:])} pixels is larger than the image of {by(x_shape[1:])}",
                hint="choose a prior of smaller kernels, or give a larger image",
            )
        return tuple(x_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """The image has the measurement's shape; a kernel without a shape gets the image's size and one
        channel.
        """
        x_shape = tuple(y_shape) if x_shape is None else tuple(x_shape)
        w_shape = (1, *x_shape[1:]) if w_shape is None else tuple(w_shape)
        self._check_output(w_shape, x_shape, tuple(y_shape))
        return w_shape, x_shape

    def misfit(self, y: Inexact[Tensor, "n *y"]) -> CircularMisfit:
        """``(w, x) ↦ ‖y − w * x‖²`` in the DFT domain, ``ŷ`` computed once."""
        return CircularMisfit(self, y)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Even and odd sizes, kernels smaller than and as large as the image, one channel for three and one
        for each.
        """
        pairs = [
            ((1, 4, 3), (1, 7, 6)),
            ((1, 5, 5), (3, 5, 8)),
            ((3, 2, 6), (3, 6, 6)),
            ((1, 1, 1), (2, 4, 5)),
        ]
        return [(w[: self.measurement_dims + 1], x[: self.measurement_dims + 1]) for w, x in pairs]


class CircularGivenW(GivenW):
    """``x ↦ w * x``, diagonal in the DFT."""

    def spectrum(self) -> Complex[Tensor, "n c *half"]:
        """``e^{2πi k·o/N} ŵ``, of as many channels as the kernel has."""
        size = self.input_shape[1:]
        transfer = _transfer(self.w, size)
        return transfer.mT if len(size) == 2 else transfer


def _transfer(w: Tensor, size: Size) -> Tensor:
    """The half spectrum of kernels padded to ``size``, their origin moved to the first pixel."""
    spectrum = half_spectrum(w, size)
    return spectrum * shift_phase(size, kernel_origin(tuple(w.shape[2:])), spectrum.dtype, spectrum.device)
