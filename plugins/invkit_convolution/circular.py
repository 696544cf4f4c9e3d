"""Circular convolution ``y = w * x``, the operator of the paper (arXiv 1802.04073, equation (1)).

    op = invkit.operator("circconv")          # images; circconv?dims=1 for signals
    y = op(w, x)                              # kernels (n, 1, 28, 28), images (n, 3, 64, 64)
    value, grad_w, grad_x = op.misfit(y).value_and_gradients(w, x)
    op.given(w=w, x_shape=(3, 64, 64)).spectrum()        # (n, 1, 64, 33): what multiplies rfft2(x)

With the kernel's origin ``o`` at its pixel ``size // 2`` and indices taken modulo the image's size,

    y[p] = Σ_q w[q] x[p − q + o]        that is, in the DFT domain,        ŷ = e^{2πi k·o/N} ŵ ⊙ x̂.

A kernel of one channel serves every channel of the image; with several kernels, an image of one channel is
measured by each.
"""

from __future__ import annotations

from jaxtyping import Complex
from torch import Tensor

from invkit.contracts.ambiguity import Scaling, Y
from invkit.contracts.bilinear import GivenW, Misfit
from invkit.contracts.linear import LinearOperator, Shape
from invkit_convolution._convolution import Convolution
from invkit_convolution._spectrum import Size, kernel_origin, low_transfer, multipliers, transfer
from invkit_convolution.circular_misfit import CircularMisfit
from invkit_convolution.shift import Shift


class CircularConvolution(Convolution):
    """``y = w * x`` with wrap-around, kernels smaller than or equal to the image, by the real FFT.

    Shapes without the batch axis: ``w`` (1 or c, *kernel), ``x`` (1 or c, *image), ``y`` (c, *image). Both
    adjoints are closed forms.

    Args:
        dims: 1 for signals ``(c, length)``, 2 for images ``(c, height, width)``, 3 for volumes
            ``(c, depth, height, width)``.
    """

    ambiguities = (Scaling(), Shift())

    def _frame(self, kernel: Size, image: Size) -> tuple[Size, Size]:
        return image, kernel_origin(kernel)

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
        """The image's lengths. Raises :class:`ShapeError` where kernel and image do not fit."""
        self._check_signals(w_shape, x_shape, larger="or give a larger image")
        return (max(w_shape[0], x_shape[0]), *x_shape[1:])

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """The image has the measurement's shape; a kernel without a shape gets the image's size and one
        channel.
        """
        x_shape = tuple(y_shape) if x_shape is None else x_shape
        return super().infer_shapes(y_shape, (1, *x_shape[1:]) if w_shape is None else w_shape, x_shape)

    def misfit(self, y: Y) -> Misfit:
        """``(w, x) ↦ ‖y − w * x‖²`` in the DFT domain, ``ŷ`` computed once; of complex ``y`` as it stands."""
        return Misfit(self, y) if y.is_complex() else CircularMisfit(self, y)


class CircularGivenW(GivenW):
    """``x ↦ w * x``, diagonal in the DFT."""

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """``e^{2πi k·o/N} ŵ``, of as many channels as the kernel has; none of a complex kernel."""
        if self.w.is_complex():
            return None
        size = self.input_shape[1:]
        return multipliers(transfer(self.w, size, kernel_origin(tuple(self.w.shape[2:]))), size)

    def low_spectra(self, largest: Shape) -> Complex[Tensor, "n k c *bins"] | None:
        """See :meth:`invkit.contracts.linear.LinearOperator.low_spectra`; for images they are found by two
        products of matrices.
        """
        size = self.input_shape[1:]
        if self.w.is_complex() or len(size) != 2:
            return super().low_spectra(largest)
        low = low_transfer(self.w, size, kernel_origin(tuple(self.w.shape[2:])), tuple(largest))
        return low.unsqueeze(2 if self.input_shape[0] == 1 else 1)
