"""What both convolutions are: a window of a product of two half spectra.

    class Valid(Convolution):
        def _frame(self, kernel, image):
            return image, tuple(k - 1 for k in kernel)      # size of the transforms, start of the window

With the circular convolution ``w ⊛ x`` of some size, both signals zero-padded at their end to it, and a
window that starts at ``s``,

    y[p] = (w ⊛ x)[p + s]        that is, in the DFT domain,        ŷ = e^{2πi k·s/N} ŵ ⊙ x̂,

of which the first pixels are kept. Both adjoints follow: conjugate spectra, cropped to the other argument.
Complex signals are convolved by their real and imaginary parts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError, SpecError
from invkit_convolution._spectrum import (
    Size,
    by_parts,
    from_half_spectrum,
    half_spectrum,
    in_blocks,
    shift_phase,
    transfer,
)


class Convolution(BilinearOperator):
    """``y = w * x`` by the real FFT. A kernel of one channel serves every channel of the image, and an image
    of one channel every kernel.
    """

    roles = ("kernel", "image")

    def __init__(self, dims: Literal[1, 2, 3] = 2) -> None:
        super().__init__()
        check_option("dims", dims, (1, 2, 3))
        self.measurement_dims = dims

    @abstractmethod
    def _frame(self, kernel: Size, image: Size) -> tuple[Size, Size]:
        """The size of the transforms, and where in the circular result the measurement begins."""

    def _continued(self, x: Tensor, kernel: Size) -> Tensor:
        """The images with as much beyond their border as the kernel reads there; linear in ``x``."""
        return x

    def forward(self, w: W, x: X) -> Y:
        y_shape = self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        if w.is_complex() or x.is_complex():
            return by_parts(self.forward, w, x)
        x = self._continued(x, tuple(w.shape[2:]))
        size, start = self._frame(tuple(w.shape[2:]), tuple(x.shape[2:]))

        def block(w: Tensor, x: Tensor) -> tuple[Tensor]:
            spectrum = transfer(w, size, start) * half_spectrum(x, size)
            return (from_half_spectrum(spectrum, size, y_shape[1:]),)

        return in_blocks(block, w, x, size=size)[0]

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """The correlation of ``r`` with the kernel; what falls beyond the border is folded back."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        if w.is_complex() or r.is_complex():
            return by_parts(lambda w, r: self.adjoint_x(w, r, x_shape), w.conj(), r)
        image = r.new_zeros(len(r), *x_shape)
        continued = self._continued(image, w_shape[1:])
        size, start = self._frame(w_shape[1:], reach := tuple(continued.shape[2:]))

        def block(w: Tensor, r: Tensor) -> tuple[Tensor]:
            spectrum = transfer(w, size, start).conj() * half_spectrum(r, size)
            spectrum = spectrum.sum(1, keepdim=True) if x_shape[0] == 1 else spectrum
            return (from_half_spectrum(spectrum, size, reach),)

        correlation = in_blocks(block, w, r, size=size)[0]
        if continued is image:
            return correlation
        folded: Tensor = torch.func.vjp(lambda x: self._continued(x, w_shape[1:]), image)[1](correlation)[0]
        return folded

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """The correlation of ``r`` with the image on the kernel's support, summed over the channels it
        serves.
        """
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        if x.is_complex() or r.is_complex():
            return by_parts(lambda x, r: self.adjoint_w(x, r, w_shape), x.conj(), r)
        x, support = self._continued(x, w_shape[1:]), w_shape[1:]
        size, start = self._frame(support, tuple(x.shape[2:]))

        def block(x: Tensor, r: Tensor) -> tuple[Tensor]:
            correlation = half_spectrum(x, size).conj() * half_spectrum(r, size)
            correlation = correlation.sum(1, keepdim=True) if w_shape[0] == 1 else correlation
            phase = shift_phase(size, start, correlation.dtype, correlation.device)
            return (from_half_spectrum(correlation * phase.conj(), size, support),)

        return in_blocks(block, x, r, size=size)[0]

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Even and odd sizes, kernels up to the image's size, one channel for three either way and one for
        each.
        """
        pairs = [
            ((1, 4, 3, 2), (1, 7, 6, 4)),
            ((1, 5, 5, 3), (3, 5, 8, 3)),
            ((3, 2, 6, 1), (3, 6, 6, 2)),
            ((2, 3, 2, 2), (1, 5, 6, 3)),
            ((1, 1, 1, 1), (2, 4, 5, 2)),
        ]
        return [(w[: self.measurement_dims + 1], x[: self.measurement_dims + 1]) for w, x in pairs]

    def _check_signals(self, w_shape: Shape, x_shape: Shape, *, larger: str = "") -> None:
        """Refuse shapes that are not ``(channels, *dims)`` and kernels of some but not the image's channels.

        ``larger`` is the remedy where a kernel must not be larger than the image.
        """
        dims = self.measurement_dims
        lengths = ("length", "height, width", "depth, height, width")[dims - 1]
        axes = f"(channels, {lengths})"
        for name, shape in (("kernel", w_shape), ("image", x_shape)):
            if len(shape) != dims + 1 or min(shape) < 1:
                raise ShapeError(
                    f"the {name} has shape {tuple(shape)}, but {dims}-D convolution takes {axes}",
                    hint=f"give the {name} that shape, or write the operator's option dims=1, 2 or 3",
                )
        if w_shape[0] != x_shape[0] and 1 not in (w_shape[0], x_shape[0]):
            raise ShapeError(
                f"the kernel has {w_shape[0]} channels, the image {x_shape[0]}",
                hint="give one of them one channel, or both as many",
            )
        if larger and any(k > n for k, n in zip(w_shape[1:], x_shape[1:], strict=True)):
            kernel, image = ("×".join(map(str, shape[1:])) for shape in (w_shape, x_shape))
            raise ShapeError(
                f"the kernel of {kernel} pixels is larger than the image of {image}",
                hint=f"choose a prior of smaller kernels, {larger}",
            )


def check_option(option: str, value: object, known: Sequence[object]) -> None:
    """Raise :class:`SpecError` for a value that an option does not have."""
    if value not in known:
        choices = ", ".join(map(str, known))
        raise SpecError(f"a convolution has no {option}={value!r}", hint=f"choose from {choices}")
