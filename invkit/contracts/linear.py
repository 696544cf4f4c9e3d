"""Linear operators: what is left of a bilinear one when one argument is frozen.

    op = invkit.operator("circconv")
    blur = op.given(w=kernel, x_shape=(1, 64, 64))     # x -> kernel * x
    y = blur(x)
    blur.adjoint(y)                                    # <blur(x), r> = <x, blur.adjoint(r)>
    blur.to_scipy()                                    # a scipy.sparse.linalg.LinearOperator

A linear operator holds what it was frozen with and nothing else: it has no setters and no state that a call
changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch
from jaxtyping import Complex, Inexact
from torch import Tensor, nn

from invkit.errors import InputError, ShapeError

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator as ScipyOperator

Shape = tuple[int, ...]

Role = Literal["kernel", "image", "any"]
"""What a signal is for an operator; ``any`` fits all. See :mod:`invkit.contracts.roles`."""


Beyond = Literal["nothing", "zero", "unread"]


@attrs.frozen(eq=False)
class Window:
    """A map as a window of a circular convolution; see :meth:`LinearOperator.window`.

    With the signal placed at the beginning of a frame of ``size``,

        A x = the first pixels of irfftn(multipliers · rfftn(frame)),

    as many of them as the measurement has.

    Args:
        multipliers: ``(n, c, *half)`` in the layout of ``torch.fft.rfftn``; batch and channels broadcast.
        size: lengths of the frame's axes, at least those of the signal and of the measurement.
        beyond: what the frame holds beyond the signal: ``nothing``, the signal fills it; ``zero``, zeros,
            which the window reads; ``unread``, anything. With ``unread``, pixel p of the measurement reads
            the signal's pixels p … p + (signal's length − measurement's length) of every axis, no others.
    """

    multipliers: Complex[Tensor, "n c *half"]
    size: Shape
    beyond: Beyond = "nothing"


class LinearOperator(nn.Module, ABC):
    """A linear map ``A`` between signals, with its adjoint ``Aᴴ``: ``⟨A x, r⟩ = ⟨x, Aᴴ r⟩``, where
    ``⟨a, b⟩ = Σ conj(a) b``. Of a real map ``Aᴴ`` is the transpose.

    ``input_shape`` and ``output_shape`` are the shapes of one signal, without the batch axis.
    """

    input_shape: Shape
    output_shape: Shape

    @abstractmethod
    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        """``A x`` for every signal of the batch."""

    @abstractmethod
    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        """``Aᴴ r`` for every signal of the batch."""

    def normal(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *x"]:
        """``AᴴA x``, the operator of the normal equations."""
        return self.adjoint(self.forward(x))

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The half-spectrum multipliers K where ``A`` is a circular convolution, else None (the default).

        ``rfftn(A x) = K · rfftn(x)`` over the axes after the channels, in the layout of ``torch.fft.rfftn``
        (the last axis has ``size // 2 + 1`` bins). Batch and channels broadcast: one kernel for all has
        ``n`` or ``c`` 1. Differentiable in whatever ``A`` was frozen with. With K, equations like
        ``(AᴴA + ρI) x = b`` are solved by a division instead of by iterations; a solver asks here instead of
        asking which operator it has.
        """
        return None

    def window(self) -> Window | None:
        """This map as a window of a circular convolution, or None where it is none.

        The default knows circular convolutions, by :meth:`spectrum`. With a window a solver can split the
        convolution off as a variable of its own, ``v = k ⊛ x`` on the whole frame: what is measured is then a
        choice of v's pixels, and every equation in x is solved by a division in the DFT (Almeida and
        Figueiredo, IEEE Trans. Image Process. 22(8), 2013).
        """
        multipliers = self.spectrum()
        return None if multipliers is None else Window(multipliers, tuple(self.input_shape[1:]))

    def matrix(self, n: int, like: Tensor) -> Inexact[Tensor, "n p d"]:
        """This operator written out for a batch of ``n``: row-major, p numbers measured, d of the signal.

        Of use for tiny signals, and in tests: it takes d applications. ``like`` gives dtype and device.
        """
        d = prod(self.input_shape)
        units = torch.eye(d, dtype=like.dtype, device=like.device).reshape(d, 1, *self.input_shape)
        columns = [self.forward(unit.expand(n, *self.input_shape)).flatten(1) for unit in units]
        return torch.stack(columns, 2)

    @property
    def H(self) -> LinearOperator:
        """The adjoint as an operator of its own."""
        return Adjoint(self)

    def __matmul__(self, other: LinearOperator) -> LinearOperator:
        """Composition: ``(A @ B)(x) = A(B(x))``. Raises :class:`ShapeError` where the shapes do not meet."""
        if not isinstance(other, LinearOperator):
            return NotImplemented
        return Composition(self, other)

    def to_scipy(
        self, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> ScipyOperator:
        """This operator on flat vectors, for SciPy's solvers (``lsqr``, ``cg``, ``svds``, …).

        Vectors have ``prod(input_shape)`` and ``prod(output_shape)`` numbers in row-major order.

        Args:
            dtype: of the vectors; None: double precision, complex where the frozen argument is.
            device: where the operator is evaluated; vectors stay with NumPy.

        Raises:
            InputError: complex numbers for a real ``dtype``.
        """
        import numpy as np
        from scipy.sparse.linalg import LinearOperator as ScipyOperator

        held = any(tensor.is_complex() for tensor in self.buffers())
        dtype = dtype or (torch.complex128 if held else torch.float64)
        if held and not dtype.is_complex:
            raise InputError(
                f"the operator is frozen with complex numbers, which dtype={dtype} cannot hold",
                hint="leave dtype out, or write dtype=torch.complex128",
            )

        def through(function: Any, shape: Shape) -> Any:
            def apply(vector: Any) -> Any:
                if np.iscomplexobj(vector) and not dtype.is_complex:
                    raise InputError(
                        f"a vector of {np.asarray(vector).dtype} numbers for an operator of {dtype}",
                        hint="apply it to the real and the imaginary part, or write dtype=torch.complex128",
                    )
                signal = torch.as_tensor(np.asarray(vector), dtype=dtype, device=device).reshape(1, *shape)
                with torch.no_grad():
                    return function(signal).reshape(-1).cpu().numpy()

            return apply

        return ScipyOperator(
            shape=(prod(self.output_shape), prod(self.input_shape)),
            matvec=through(self.forward, self.input_shape),
            rmatvec=through(self.adjoint, self.output_shape),
            dtype=np.dtype(str(dtype).removeprefix("torch.")),
        )


class Adjoint(LinearOperator):
    """``Aᴴ`` of a linear operator ``A``; its own adjoint is ``A``."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__()
        self.operator = operator
        self.input_shape, self.output_shape = operator.output_shape, operator.input_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return self.operator.adjoint(x)

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        result: Tensor = self.operator(r)
        return result

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The conjugate of the operator's."""
        multipliers = self.operator.spectrum()
        return None if multipliers is None else multipliers.conj()

    @property
    def H(self) -> LinearOperator:
        return self.operator


class Composition(LinearOperator):
    """``A @ B``: first ``inner`` (``B``), then ``outer`` (``A``)."""

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        super().__init__()
        if tuple(outer.input_shape) != tuple(inner.output_shape):
            raise ShapeError(
                f"cannot compose: the inner operator puts out {tuple(inner.output_shape)}, "
                f"the outer one takes {tuple(outer.input_shape)}",
                hint="write A @ B so that B.output_shape equals A.input_shape",
            )
        self.outer, self.inner = outer, inner
        self.input_shape, self.output_shape = inner.input_shape, outer.output_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        result: Tensor = self.outer(self.inner(x))
        return result

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return self.inner.adjoint(self.outer.adjoint(r))

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The product of both, where both have one."""
        outer, inner = self.outer.spectrum(), self.inner.spectrum()
        return None if outer is None or inner is None else outer * inner
