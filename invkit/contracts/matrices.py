"""Linear operators from what is at hand: a matrix, a SciPy operator, factors of the entries.

    invkit.from_matrix(M)                                        # (p, d): d numbers in, p out
    invkit.from_matrix(M, input_shape=(1, 8, 8))                 # of 8 × 8 images, flattened row by row
    invkit.from_scipy(pylops.FirstDerivative(64))                # any scipy.sparse.linalg.LinearOperator
    invkit.diagonal(mask)                                        # x ↦ mask ⊙ x
    invkit.diagonal(masks, each=True)                            # a mask of its own for each measurement
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Inexact
from torch import Tensor
from torch.autograd.function import Function

from invkit.contracts.linear import LinearOperator, Shape
from invkit.errors import InputError, ShapeError

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator as ScipyOperator

__all__ = ["Diagonal", "Matrix", "diagonal", "from_matrix", "from_scipy"]


def from_matrix(
    matrix: Any, input_shape: Shape | None = None, output_shape: Shape | None = None
) -> LinearOperator:
    """``x ↦ M x`` on flat signals.

    Args:
        matrix: ``(p, d)``, a tensor, an array or nested lists of finite numbers, real or complex.
        input_shape: ``(channels, *dims)`` of d numbers, row-major; None: ``(1, d)``.
        output_shape: ``(channels, *dims)`` of p numbers; None: ``(1, p)``.

    Raises:
        InputError: no matrix of finite numbers.
        ShapeError: a shape of another number of entries.
    """
    values = _finite(matrix, "the matrix")
    if values.ndim != 2:
        raise ShapeError(
            f"a matrix has two axes, got shape {tuple(values.shape)}", hint="give rows × columns, (p, d)"
        )
    return Matrix(
        values,
        _shape(input_shape, values.shape[1], "input_shape", "columns"),
        _shape(output_shape, values.shape[0], "output_shape", "rows"),
    )


def from_scipy(
    operator: ScipyOperator, input_shape: Shape | None = None, output_shape: Shape | None = None
) -> LinearOperator:
    """A linear operator of SciPy, or one that follows its protocol (PyLops), as an operator on signals.

    Numbers go through NumPy on the CPU, one signal after another. Differentiable by the operator's adjoint.

    Args:
        operator: with ``shape`` (p, d), ``matvec`` and ``rmatvec``.
        input_shape: ``(channels, *dims)`` of d numbers, row-major; None: ``(1, d)``.
        output_shape: ``(channels, *dims)`` of p numbers; None: ``(1, p)``.

    Raises:
        InputError: not such an operator.
        ShapeError: a shape of another number of entries.
    """
    from scipy.sparse.linalg import aslinearoperator

    try:
        known: Any = aslinearoperator(operator)  # type: ignore[call-overload]
        rows, columns = known.shape
        known.rmatvec(np.zeros(rows))  # many an operator of SciPy has no adjoint
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"a {type(operator).__name__} is no operator of SciPy: {error}",
            hint="give a scipy.sparse.linalg.LinearOperator with rmatvec, a sparse matrix or an array",
        ) from error
    return FromScipy(
        known,
        _shape(input_shape, columns, "input_shape", "columns"),
        _shape(output_shape, rows, "output_shape", "rows"),
    )


def diagonal(factors: Any, *, each: bool = False) -> LinearOperator:
    """``x ↦ f ⊙ x``: a mask, a sampling pattern, known gains or sensitivities.

    Args:
        factors: ``(channels or 1, *dims)`` for all measurements alike, or with ``each``
            ``(n, channels or 1, *dims)``. Real, complex or boolean; finite.
        each: whether the first axis runs over measurements.

    Raises:
        InputError: no finite numbers.
        ShapeError: fewer axes than that.
    """
    values = _finite(factors, "the factors")
    if values.ndim < 2 + each:
        raise ShapeError(
            f"factors of shape {tuple(values.shape)}",
            hint="give (channels, *dims)" + (" of each measurement, with n in front" if each else ""),
        )
    return Diagonal(values if each else values[None])


class Matrix(LinearOperator):
    """``x ↦ M x`` on signals flattened row by row."""

    values: Tensor

    def __init__(self, values: Inexact[Tensor, "p d"], input_shape: Shape, output_shape: Shape) -> None:
        super().__init__()
        self.register_buffer("values", values, persistent=False)
        self.input_shape, self.output_shape = input_shape, output_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return _times(x.flatten(1), self.values.T).reshape(len(x), *self.output_shape)

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return _times(r.flatten(1), self.values.conj()).reshape(len(r), *self.input_shape)


class Diagonal(LinearOperator):
    """``x ↦ f ⊙ x``; fits the shapes that its factors fit.

    Args:
        factors: ``(1 or n, channels or 1, *dims)``.
    """

    factors: Tensor

    def __init__(self, factors: Inexact[Tensor, "m c *dims"], shape: Shape | None = None) -> None:
        super().__init__()
        self.register_buffer("factors", factors, persistent=False)
        if shape is not None:
            self.input_shape = self.output_shape = shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        self._check(tuple(x.shape[1:]))
        if len(self.factors) not in (1, len(x)):
            raise ShapeError(
                f"factors of {len(self.factors)} measurements for {len(x)}",
                hint="give one array, or one for each measurement",
            )
        return _precise(self.factors, x) * x

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return _precise(self.factors, r).conj() * r

    def shaped(self, input_shape: Shape) -> LinearOperator:
        if self.has_shape:
            return super().shaped(input_shape)
        self._check(tuple(input_shape))
        return Diagonal(self.factors, tuple(input_shape))

    def input_for(self, output_shape: Shape) -> Shape:
        self._check(tuple(output_shape))
        return tuple(output_shape)

    def select(self, index: Tensor) -> LinearOperator:
        if len(self.factors) == 1:
            return self
        return Diagonal(self.factors[index], self.input_shape if self.has_shape else None)

    def _check(self, shape: Shape) -> None:
        held = tuple(self.factors.shape[1:])
        if len(held) != len(shape) or held[1:] != shape[1:] or held[0] not in (1, shape[0]):
            raise ShapeError(
                f"factors of shape {held} for signals of shape {shape}",
                hint="give as many rows and columns as the signal has, and its channels or one",
            )


class FromScipy(LinearOperator):
    """An operator of SciPy on signals flattened row by row."""

    def __init__(self, operator: ScipyOperator, input_shape: Shape, output_shape: Shape) -> None:
        super().__init__()
        self.operator = operator
        self.input_shape, self.output_shape = input_shape, output_shape

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        return _outside(x, self.operator.matvec, self.operator.rmatvec, self.output_shape)

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return _outside(r, self.operator.rmatvec, self.operator.matvec, self.input_shape)


class _Outside(Function):
    """A linear map that is evaluated outside torch, one signal after another, and its adjoint."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, forth: Callable[..., Any], back: Callable[..., Any], shape: Shape
    ) -> Tensor:
        ctx.maps, ctx.shape, ctx.real = (back, forth), tuple(x.shape[1:]), not x.is_complex()
        if x.is_meta:
            return x.new_empty(len(x), *shape)
        vectors = x.detach().cpu().numpy().reshape(len(x), -1)

        def moved(vector: Any) -> Any:
            return np.asarray(forth(vector)).reshape(-1)

        # by parts, since many an operator for real vectors drops the imaginary part or refuses it
        one = [moved(v.real) + 1j * moved(v.imag) if np.iscomplexobj(v) else moved(v) for v in vectors]
        made = torch.as_tensor(np.stack(one))
        dtype = _complex(x) if made.is_complex() else x.real.dtype
        return made.to(dtype=dtype, device=x.device).reshape(len(x), *shape)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        back, forth = ctx.maps
        made = _outside(outer, back, forth, ctx.shape)
        return (made.real if ctx.real and made.is_complex() else made), None, None, None


def _outside(x: Tensor, forth: Callable[..., Any], back: Callable[..., Any], shape: Shape) -> Tensor:
    made: Tensor = _Outside.apply(x, forth, back, shape)  # type: ignore[no-untyped-call]
    return made


def _complex(x: Tensor) -> torch.dtype:
    return torch.complex128 if x.real.dtype == torch.float64 else torch.complex64


def _precise(held: Tensor, like: Tensor) -> Tensor:
    """Numbers in the precision and on the device of a signal; complex numbers stay complex."""
    if not like.dtype.is_floating_point and not like.is_complex():
        return held
    dtype = _complex(like) if held.is_complex() else like.real.dtype
    return held.to(dtype=dtype, device=like.device)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product, of a real and a complex one too."""
    b = _precise(b, a)
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype) @ b.to(dtype)


def _finite(given: Any, what: str) -> Tensor:
    """A tensor of its own of finite numbers, in floating point."""
    try:
        values = given.detach() if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given).copy())
    except (TypeError, ValueError) as error:
        problem = f"{what}: no array of numbers: {error}"
        raise InputError(problem, hint="give real or complex numbers") from error
    values = values.clone() if values.is_floating_point() or values.is_complex() else values.float()
    if values.numel() == 0 or not torch.isfinite(values).all():
        raise InputError(f"{what} is empty, or has NaN or infinite values", hint="give finite numbers")
    return values


def _shape(given: Shape | None, length: int, name: str, of: str) -> Shape:
    if given is None:
        return (1, length)
    if len(given) < 2 or min(given) < 1 or prod(given) != length:
        raise ShapeError(
            f"{name}={tuple(given)} for {length} {of}", hint=f"give (channels, *dims) of {length} numbers"
        )
    return tuple(given)
