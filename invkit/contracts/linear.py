"""Linear operators: what is left of a bilinear one when one argument is frozen, and maps by name.

    op = invkit.operator("circconv")
    blur = op.given(w=kernel, x_shape=(1, 64, 64))     # x -> kernel * x
    y = blur(x)
    blur.adjoint(y)                                    # <blur(x), r> = <x, blur.adjoint(r)>
    blur.to_scipy()                                    # a scipy.sparse.linalg.LinearOperator
    fewer = invkit.linear("downsample?factor=2") @ blur
    both = 0.5 * blur + blur.H                         # sums, multiples, products, adjoints

A linear operator holds what it was made with and nothing else: it has no setters and no state that a call
changes. What holds numbers of each measurement (a mask of its own, say) gives those of some of them by
:meth:`LinearOperator.select`.
"""

from __future__ import annotations

import cmath
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch
from jaxtyping import Complex, Inexact
from torch import Tensor, nn

from invkit.contracts.called import Called
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


class LinearOperator(Called, ABC):
    """A linear map ``A`` between signals, with its adjoint ``Aᴴ``: ``⟨A x, r⟩ = ⟨x, Aᴴ r⟩``, where
    ``⟨a, b⟩ = Σ conj(a) b``. Of a real map ``Aᴴ`` is the transpose.

    ``input_shape`` and ``output_shape`` are the shapes of one signal, without the batch axis. An operator
    that fits any shape has them from :meth:`shaped`; asked before, it raises :class:`ShapeError`.
    """

    input_shape: Shape
    output_shape: Shape

    def __getattr__(self, name: str) -> Any:
        if name in ("input_shape", "output_shape"):
            raise ShapeError(
                f"{type(self).__name__} fits signals of any shape, so it has no {name}",
                hint="tie it to one first: operator.shaped((channels, height, width))",
            )
        return super().__getattr__(name)

    @property
    def has_shape(self) -> bool:
        """Whether it is tied to a shape of signals."""
        try:
            return self.input_shape is not None
        except ShapeError:
            return False

    def shaped(self, input_shape: Shape) -> LinearOperator:
        """This operator for signals of the given shape: itself where it has it, a new one where it fits any.

        Raises :class:`ShapeError` where it has another shape.
        """
        if not self.has_shape or tuple(self.input_shape) != tuple(input_shape):
            takes = tuple(self.input_shape) if self.has_shape else "other shapes"
            raise ShapeError(
                f"{type(self).__name__} takes {takes}, but signals of shape {tuple(input_shape)} come in",
                hint="make it for that shape, or resize the signals",
            )
        return self

    def input_for(self, output_shape: Shape) -> Shape:
        """The shape of the signals whose outputs have the given shape.

        Raises :class:`ShapeError` where it does not follow, or where there is none.
        """
        if not self.has_shape or tuple(self.output_shape) != tuple(output_shape):
            made = tuple(self.output_shape) if self.has_shape else "shapes that depend on its input's"
            raise ShapeError(
                f"{type(self).__name__} puts out {made}, not {tuple(output_shape)}",
                hint="give the priors a shape, e.g. ?shape=1x28x28",
            )
        return self.input_shape

    def select(self, index: Tensor) -> LinearOperator:
        """The operator of the measurements ``index``: itself, unless it differs between measurements."""
        return self

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

    def spectra(self) -> Complex[Tensor, "n k c *half"] | None:
        """Multipliers of k circular convolutions of one signal, side by side along the channels, else None.

        The measurement's channels are k frames of the signal's channels, one frame after another:
        ``rfftn(A x)[frame] = K[frame] · rfftn(x)``. Batch and channels broadcast. Of one convolution k is 1;
        of a signal of one channel under several kernels, their number. The default knows both, by
        :meth:`spectrum`; a stack of operators knows its own.
        """
        multipliers = self.spectrum()
        if multipliers is None:
            return None
        return multipliers.unsqueeze(2 if self.input_shape[0] == 1 else 1)

    def low_spectra(self, largest: Shape) -> Complex[Tensor, "n k c *bins"] | None:
        """:meth:`spectra` at low frequencies alone, which an operator may know at less cost.

        Args:
            largest: of each axis after the channels, the largest frequency that is asked for; less than half
                the axis's length.

        Returns:
            Along the last axis the frequencies 0, 1, …, largest; along the others these and then
            −largest, …, −1. None where there are no :meth:`spectra`.
        """
        spectra = self.spectra()
        if spectra is None:
            return None
        for axis, most in enumerate(largest, 3):
            below = () if axis == spectra.ndim - 1 else range(spectra.shape[axis] - most, spectra.shape[axis])
            bins = torch.tensor([*range(most + 1), *below], device=spectra.device)
            spectra = spectra.index_select(axis, bins)
        return spectra

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

    def example_shapes(self) -> Sequence[Shape]:
        """A few small shapes of signals that it takes, for the checks in :mod:`invkit.testing`."""
        return [self.input_shape] if self.has_shape else [(1, 6, 6), (2, 6, 4)]

    @property
    def H(self) -> LinearOperator:
        """The adjoint as an operator of its own."""
        return Adjoint(self)

    def __matmul__(self, other: LinearOperator) -> LinearOperator:
        """Composition: ``(A @ B)(x) = A(B(x))``. Raises :class:`ShapeError` where the shapes do not meet."""
        if not isinstance(other, LinearOperator):
            return NotImplemented
        return Composition(self, other)

    def __add__(self, other: LinearOperator) -> LinearOperator:
        """``(A + B)(x) = A(x) + B(x)``. Raises :class:`ShapeError` where the shapes differ."""
        return LinearSum(self, other) if isinstance(other, LinearOperator) else NotImplemented

    def __rmul__(self, factor: int | float | complex) -> LinearOperator:
        """``(c A)(x) = c A(x)`` for a number c."""
        if not isinstance(factor, int | float | complex):
            return NotImplemented
        if not cmath.isfinite(factor):
            raise InputError(f"{factor} times an operator is no operator", hint="give a finite number")
        return Multiple(complex(factor), self)

    __mul__ = __rmul__

    def __neg__(self) -> LinearOperator:
        return -1 * self

    def __sub__(self, other: LinearOperator) -> LinearOperator:
        return self + -other if isinstance(other, LinearOperator) else NotImplemented

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
        if operator.has_shape:
            self.input_shape, self.output_shape = operator.output_shape, operator.input_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return self.operator.adjoint(x)

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        result: Tensor = self.operator(r)
        return result

    def shaped(self, input_shape: Shape) -> LinearOperator:
        if self.has_shape:
            return super().shaped(input_shape)
        return self.operator.shaped(self.operator.input_for(input_shape)).H

    def input_for(self, output_shape: Shape) -> Shape:
        return self.operator.shaped(output_shape).output_shape

    def select(self, index: Tensor) -> LinearOperator:
        return self.operator.select(index).H

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
        if inner.has_shape:
            if outer.has_shape and tuple(outer.input_shape) != tuple(inner.output_shape):
                raise ShapeError(
                    f"cannot compose: the inner operator puts out {tuple(inner.output_shape)}, "
                    f"the outer one takes {tuple(outer.input_shape)}",
                    hint="write A @ B so that B.output_shape equals A.input_shape",
                )
            outer = outer.shaped(inner.output_shape)
            self.input_shape, self.output_shape = inner.input_shape, outer.output_shape
        self.outer, self.inner = outer, inner

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        result: Tensor = self.outer(self.inner(x))
        return result

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return self.inner.adjoint(self.outer.adjoint(r))

    def shaped(self, input_shape: Shape) -> LinearOperator:
        return super().shaped(input_shape) if self.has_shape else self.outer @ self.inner.shaped(input_shape)

    def input_for(self, output_shape: Shape) -> Shape:
        return self.inner.input_for(self.outer.input_for(output_shape))

    def select(self, index: Tensor) -> LinearOperator:
        return Composition(self.outer.select(index), self.inner.select(index))

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The product of both, where both have one."""
        outer, inner = self.outer.spectrum(), self.inner.spectrum()
        return None if outer is None or inner is None else outer * inner


class LinearStack(LinearOperator):
    """``x ↦ (A₁ x, A₂ x, …)``: what several operators make of one signal, side by side along the channels.

    Args:
        operators: of the same input shape; their outputs differ in the channels alone.
    """

    def __init__(self, operators: Sequence[LinearOperator]) -> None:
        super().__init__()
        self.operators: Sequence[LinearOperator] = nn.ModuleList(operators)  # type: ignore[assignment]
        outputs = [tuple(each.output_shape) for each in operators]
        self._channels = [each[0] for each in outputs]
        self.input_shape, self.output_shape = operators[0].input_shape, stacked_shape(outputs)

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return torch.cat([each(x) for each in self.operators], 1)

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        parts = zip(self.operators, torch.split(r, self._channels, 1), strict=True)
        return sum(each.adjoint(part) for each, part in parts)  # type: ignore[return-value]

    def select(self, index: Tensor) -> LinearOperator:
        return LinearStack([each.select(index) for each in self.operators])

    def spectra(self) -> Complex[Tensor, "n k c *half"] | None:
        """Those of all operators, one after another, where all have some."""
        each = [operator.spectra() for operator in self.operators]
        known = [spectra for spectra in each if spectra is not None]
        if len(known) < len(each):
            return None
        rows, channels = (max(spectra.shape[axis] for spectra in known) for axis in (0, 2))
        return torch.cat([spectra.expand(rows, -1, channels, *spectra.shape[3:]) for spectra in known], 1)


class LinearSum(LinearOperator):
    """``A + B`` of two operators between signals of the same shapes."""

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        super().__init__()
        for one, other in ((first, second), (second, first)):
            if one.has_shape and not other.has_shape:
                first, second = first.shaped(one.input_shape), second.shaped(one.input_shape)
        if first.has_shape:
            shapes = [(tuple(each.input_shape), tuple(each.output_shape)) for each in (first, second)]
            if shapes[0] != shapes[1]:
                (a, b), (c, d) = shapes
                raise ShapeError(
                    f"cannot add an operator from {a} to {b} and one from {c} to {d}",
                    hint="add operators of the same shapes",
                )
            self.input_shape, self.output_shape = first.input_shape, first.output_shape
        self.first, self.second = first, second

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return _added(self.first(x), self.second(x))

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return _added(self.first.adjoint(r), self.second.adjoint(r))

    def shaped(self, input_shape: Shape) -> LinearOperator:
        if self.has_shape:
            return super().shaped(input_shape)
        return self.first.shaped(input_shape) + self.second.shaped(input_shape)

    def input_for(self, output_shape: Shape) -> Shape:
        return self.first.input_for(output_shape)

    def select(self, index: Tensor) -> LinearOperator:
        return LinearSum(self.first.select(index), self.second.select(index))

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The sum of both, where both have one."""
        first, second = self.first.spectrum(), self.second.spectrum()
        return None if first is None or second is None else first + second


class Multiple(LinearOperator):
    """``c A`` for a number c."""

    def __init__(self, factor: float | complex, operator: LinearOperator) -> None:
        super().__init__()
        #: real where it has no imaginary part, so that real signals stay real
        self.factor: float | complex = factor if factor.imag else factor.real
        self.operator = operator
        if operator.has_shape:
            self.input_shape, self.output_shape = operator.input_shape, operator.output_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        result: Tensor = self.factor * self.operator(x)
        return result

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return self.factor.conjugate() * self.operator.adjoint(r)

    def shaped(self, input_shape: Shape) -> LinearOperator:
        if self.has_shape:
            return super().shaped(input_shape)
        return Multiple(self.factor, self.operator.shaped(input_shape))

    def input_for(self, output_shape: Shape) -> Shape:
        return self.operator.input_for(output_shape)

    def select(self, index: Tensor) -> LinearOperator:
        return Multiple(self.factor, self.operator.select(index))

    def spectrum(self) -> Complex[Tensor, "n c *half"] | None:
        """The operator's, c times; none for a complex c, which leaves no signal real."""
        multipliers = self.operator.spectrum()
        return None if multipliers is None or isinstance(self.factor, complex) else self.factor * multipliers


def stacked_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape of measurements side by side along the channels.

    Raises:
        ShapeError: they differ in more than their channels.
    """
    if len({shape[1:] for shape in shapes}) > 1:
        raise ShapeError(
            f"the stacked measurements have the shapes {' and '.join(map(str, shapes))}",
            hint="stack operators whose measurements differ in their channels alone",
        )
    return (sum(shape[0] for shape in shapes), *shapes[0][1:])


def _added(first: Tensor, second: Tensor) -> Tensor:
    """The sum of two results of one shape; torch would repeat an axis of length 1."""
    if first.shape[1:] != second.shape[1:]:
        raise ShapeError(
            f"cannot add results of shapes {tuple(first.shape[1:])} and {tuple(second.shape[1:])}",
            hint="add operators that make signals of the same shape",
        )
    return first + second
