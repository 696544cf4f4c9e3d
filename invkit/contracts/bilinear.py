"""Bilinear operators ``y = A(w, x)``: linear in ``w`` for every ``x``, linear in ``x`` for every ``w``.

    op = invkit.operator("circconv")
    y = op(w, x)                               # kernels (n, 1, h, w), images and measurements (n, c, H, W)
    op.adjoint_x(w, r)                         # <op(w, x), r> = <x, op.adjoint_x(w, r)>
    blur = op.given(w=w, x_shape=(1, 28, 28))  # a LinearOperator in x: a view, op is untouched
    misfit = op.misfit(y)                      # misfit(w, x) = ||y - A(w, x)||^2 for every candidate

Operators are added, put after one another and side by side (:mod:`invkit.contracts.algebra`)::

    invkit.linear("downsample?factor=2") @ op           # a linear map after
    op @ (P, Q)                                         # linear maps before; None leaves an argument alone
    op + other                                          # two sources: their w and x along the channels
    invkit.stack([op, other])                           # two measurements of the same pair

To write one, subclass and give :meth:`~BilinearOperator.forward`. The adjoints follow by automatic
differentiation (``A`` is linear in each argument, so a vector–Jacobian product is the adjoint exactly) and
may be overridden by closed forms. The output's shape follows from the forward map, too.

Signals may be complex, with ``<a, b> = Σ conj(a) b`` and ``||r||^2 = Σ |r|^2``: adjoints are conjugate
transposes, misfits are real. An operator for real signals only refuses others by an InputError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import attrs
import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, Scaling
from invkit.contracts.called import Called, as_tensor
from invkit.contracts.linear import LinearOperator, Role, Shape
from invkit.errors import InvkitError, ShapeError

Place = tuple[slice, ...]
"""A part of a measurement: one slice with start and stop for each axis after the channels."""

#: the batch on which an output's shape is tried: a number that is rarely a length of anything else
_PAIRS = 7


@attrs.frozen(eq=False)
class Scene:
    """A measurement as that of a larger signal; see :meth:`BilinearOperator.beyond`.

    Args:
        operator: measures the larger signal, and reads nothing beyond it.
        x_shape: the larger signal's shape, of as many channels as x.
        start: where x begins in it, one index for each axis after the channels.
    """

    operator: BilinearOperator
    x_shape: Shape
    start: Shape

    def part(self, scene: Inexact[Tensor, "n c *scene"], x_shape: Shape) -> Inexact[Tensor, "n c *x"]:
        """x, a view of the larger signal."""
        for axis, (first, length) in enumerate(zip(self.start, x_shape[1:], strict=True), start=2):
            scene = scene.narrow(axis, first, length)
        return scene


class BilinearOperator(Called, ABC):
    """``A(w, x)``, linear in each argument, on batches of pairs.

    Shapes named ``w_shape``, ``x_shape`` and ``y_shape`` are those of one signal: ``(channels, *dims)``,
    without the batch axis. Both arguments of a call carry the same batch size. dtype and device follow the
    input; inputs are never changed.
    """

    #: how many axes a measurement has after its channel axis: 1 for signals, 2 for images
    measurement_dims: int = 2

    #: the only shape of ``w``, and of ``x``, that the operator takes; None where it takes several
    w_shape: Shape | None = None
    x_shape: Shape | None = None

    #: what each argument is: the prior of ``w`` must not be an image's where ``w`` is a kernel
    roles: tuple[Role, Role] = ("any", "any")

    #: the group actions on (w, x) that leave A unchanged
    ambiguities: tuple[Ambiguity, ...] = (Scaling(),)

    @abstractmethod
    def forward(self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        """``A(w, x)`` for every pair of the batch."""

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """The shape of ``A(w, x)``, by default that of ``forward`` on meta tensors: shapes without numbers.

        The operator's parameters and buffers are replaced by meta tensors for that, so nothing of it changes.
        Override it to say in your own words what does not fit (a kernel larger than the image), or where
        ``forward`` needs numbers to know the shape. Then ``forward`` may call it as a check.

        Raises:
            ShapeError: the two do not fit.
        """
        held = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        kinds = [each.dtype for each in held.values() if each.is_floating_point() or each.is_complex()]
        dtype = kinds[0] if kinds else torch.float32
        w, x = (torch.empty(_PAIRS, *shape, dtype=dtype, device="meta") for shape in (w_shape, x_shape))
        try:
            with torch.no_grad():
                meta = {name: tensor.to("meta") for name, tensor in held.items()}
                made = tuple(torch.func.functional_call(self, meta, (w, x)).shape)
        except InvkitError:
            raise
        except Exception as error:  # a forward map may raise anything
            raise ShapeError(
                f"{type(self).__name__} cannot measure w of shape {tuple(w_shape)} and x of shape "
                f"{tuple(x_shape)}: {_first_line(error)}",
                hint="give shapes that fit; keep the tensors of an operator by register_buffer; or write its "
                "output_shape where forward needs numbers",
            ) from error
        if made[:1] != (_PAIRS,):
            raise ShapeError(
                f"{type(self).__name__} makes a result of shape {made} of {_PAIRS} pairs of shapes "
                f"{tuple(w_shape)} and {tuple(x_shape)}",
                hint="keep the batch as the first axis in forward",
            )
        return made[1:]

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Both signal shapes from the measurement's and whichever of the two are known.

        The default knows only the case in which both are given, and checks it. Raises :class:`ShapeError`
        where a shape can not be told from the others: then a prior must bring its own, or take it as an
        option.
        """
        if w_shape is None or x_shape is None:
            missing = "w" if w_shape is None else "x"
            raise ShapeError(
                f"the shape of {missing} does not follow from a measurement of shape {tuple(y_shape)}",
                hint=f"give the prior of {missing} a shape, e.g. ?shape=1x28x28",
            )
        self._check_output(w_shape, x_shape, y_shape)
        return tuple(w_shape), tuple(x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """A few small valid ``(w_shape, x_shape)``, for the checks in :mod:`invkit.testing`."""
        shape = (1, *[6] * self.measurement_dims)
        return [(shape, shape)]

    def adjoint_w(
        self, x: Inexact[Tensor, "n *x"], r: Inexact[Tensor, "n *y"], w_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *w"]:
        """The adjoint of ``w ↦ A(w, x)`` at ``r``; ``w_shape`` is needed where it does not follow from ``x``
        and ``r``.
        """
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        return _adjoint(lambda w: self.forward(w, x), w_shape, x, r)

    def adjoint_x(
        self, w: Inexact[Tensor, "n *w"], r: Inexact[Tensor, "n *y"], x_shape: Shape | None = None
    ) -> Inexact[Tensor, "n *x"]:
        """The adjoint of ``x ↦ A(w, x)`` at ``r``; ``x_shape`` is needed where it does not follow from ``w``
        and ``r``.
        """
        _, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        return _adjoint(lambda x: self.forward(w, x), x_shape, w, r)

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """This operator with one argument frozen: ``given(w=kernel, x_shape=…)`` or ``given(x=image,
        w_shape=…)``.

        A frozen batch of one serves any batch; otherwise the batches must agree. Nothing of ``self`` is
        changed.
        """
        if (w is None) == (x is None):
            raise ShapeError(
                "given() freezes exactly one argument",
                hint="write given(w=…, x_shape=…) or given(x=…, w_shape=…)",
            )
        if w is not None:
            if x_shape is None:
                raise ShapeError(
                    "given(w=…) needs the shape of x", hint="add x_shape=(channels, height, width)"
                )
            return GivenW(self, w, tuple(x_shape))
        if w_shape is None:
            raise ShapeError("given(x=…) needs the shape of w", hint="add w_shape=(channels, height, width)")
        assert x is not None
        return GivenX(self, x, tuple(w_shape))

    def beyond(self, w_shape: Shape, x_shape: Shape) -> Scene | None:
        """The larger signal that was really measured, where what lies beyond x is unknown; else None.

        An operator that must read pixels beyond the border of x, and has to invent them, says here what was
        measured instead: a scene of which x is a part. A solver that can recovers the scene, so that nothing
        is invented, and gives back x's part of it. Other solvers take ``A(w, x)`` as it is.
        """
        return None

    def nodes(self, y_shape: Shape) -> Float[Tensor, "k dims"] | None:
        """For each channel of ``w`` the place in the measurement where it is the kernel: (rows, columns) in
        pixels. None, the default, means that ``w`` is the same everywhere.

        An operator whose kernel varies across the picture says here how many kernels it takes, and where
        they stand.
        """
        return None

    def pieces(self, w: Inexact[Tensor, "n *w"], y_shape: Shape) -> Shape:
        """Into how many parts along each axis the measurement is divided, so that :meth:`local` is nearly
        exact in each; all 1 (the default) where it is exact for the whole.
        """
        return (1,) * self.measurement_dims

    def local(
        self, w: Inexact[Tensor, "n *w"], y_shape: Shape, place: Place
    ) -> tuple[BilinearOperator, Inexact[Tensor, "n *v"]]:
        """An operator, and its ``w``, that measure a part of ``y`` nearly as this one does, and do not vary.

        A solver that is fast for convolutions recovers the pieces by these, one by one. The default is this
        operator itself.

        Args:
            w: the first arguments.
            y_shape: of the whole measurement.
            place: the part of it.
        """
        return self, w

    def select(self, index: Tensor) -> BilinearOperator:
        """The operator of the measurements ``index``: itself, unless it differs between measurements, by a
        mask of each, say.
        """
        return self

    def __rmatmul__(self, after: LinearOperator) -> BilinearOperator:
        """``L @ A``: ``(w, x) ↦ L A(w, x)``."""
        from invkit.contracts.algebra import After

        return After(after, self) if isinstance(after, LinearOperator) else NotImplemented

    def __matmul__(self, before: Any) -> BilinearOperator:
        """``A @ (P, Q)``: ``(w, x) ↦ A(P w, Q x)``; None leaves an argument as it is."""
        from invkit.contracts.algebra import before_of

        return before_of(self, before)

    def __add__(self, other: BilinearOperator) -> BilinearOperator:
        """``A + B``: the sum of two sources, whose ``w`` and ``x`` stand side by side along the channels."""
        from invkit.contracts.algebra import Sources

        return Sources([self, other]) if isinstance(other, BilinearOperator) else NotImplemented

    def misfit(self, y: Inexact[Tensor, "n *y"]) -> Misfit:
        """``(w, x) ↦ ‖y − A(w, x)‖²`` per pair, real, with whatever depends on ``y`` alone computed once."""
        return Misfit(self, y)

    def _check_output(self, w_shape: Shape, x_shape: Shape, y_shape: Shape) -> None:
        made = self.output_shape(tuple(w_shape), tuple(x_shape))
        if tuple(made) != tuple(y_shape):
            raise ShapeError(
                f"w of shape {tuple(w_shape)} and x of shape {tuple(x_shape)} measure as {tuple(made)}, "
                f"but y has shape {tuple(y_shape)}",
                hint="choose priors whose shapes fit the measurement (a colour image needs a colour prior)",
            )


class Misfit:
    """``‖y − A(w, x)‖²`` per pair (equation (7) of the paper), the measurement bound.

    Differentiable in ``w`` and ``x``. An operator with a cheaper way to value and gradients returns a
    subclass from :meth:`BilinearOperator.misfit`.
    """

    def __init__(self, operator: BilinearOperator, y: Inexact[Tensor, "n *y"]) -> None:
        self.operator = operator
        self.y = y

    def __call__(self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"]) -> Float[Tensor, "n"]:
        """The squared residual of every pair, ``|r|²`` summed over channels and pixels."""
        residual: Tensor = self.operator(w, x) - self.y
        return (residual * residual.conj()).real.flatten(1).sum(1)

    def value_and_gradients(
        self, w: Inexact[Tensor, "n *w"], x: Inexact[Tensor, "n *x"]
    ) -> tuple[Float[Tensor, "n"], Inexact[Tensor, "n *w"], Inexact[Tensor, "n *x"]]:
        """``(‖r‖², 2 A(·, x)ᴴ r, 2 A(w, ·)ᴴ r)`` with ``r = A(w, x) − y``, without building a graph.

        A complex gradient is ``∂/∂Re + i ∂/∂Im``, the direction of steepest ascent. The gradient of a real
        argument is real.
        """
        with torch.enable_grad():
            w, x = w.detach().requires_grad_(), x.detach().requires_grad_()
            value = self(w, x)
            gradient_w, gradient_x = torch.autograd.grad(value.sum(), (w, x))
        return value.detach(), gradient_w, gradient_x

    def select(self, index: Tensor) -> Misfit:
        """The misfit to the measurements ``y[index]``: drops, repeats or reorders candidates."""
        return self.operator.select(index).misfit(self.y[index])


class GivenW(LinearOperator):
    """``x ↦ A(w, x)``."""

    w: Tensor

    def __init__(self, operator: BilinearOperator, w: Tensor, x_shape: Shape) -> None:
        super().__init__()
        self.operator = operator
        self.register_buffer("w", as_tensor(w, "w"), persistent=False)
        self.input_shape = x_shape
        self.output_shape = operator.output_shape(tuple(w.shape[1:]), x_shape)

    def forward(self, x: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *y"]:
        result: Tensor = self.operator(_to_batch(self.w, x), x)
        return result

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *x"]:
        return self.operator.adjoint_x(_to_batch(self.w, r), r, self.input_shape)

    def select(self, index: Tensor) -> LinearOperator:
        w = self.w if len(self.w) == 1 else self.w[index]
        return self.operator.select(index).given(w=w, x_shape=self.input_shape)

    def matrix(self, n: int, like: Tensor) -> Inexact[Tensor, "n p d"]:
        """All columns of all candidates in one batch."""
        d = prod(self.input_shape)
        units = torch.eye(d, dtype=like.dtype, device=like.device).reshape(d, *self.input_shape)
        w = self.w.expand(n, *self.w.shape[1:]).repeat_interleave(d, 0)
        made: Tensor = self.operator(w, units.repeat(n, *[1] * len(self.input_shape)))
        return made.reshape(n, d, -1).mT


class GivenX(LinearOperator):
    """``w ↦ A(w, x)``."""

    x: Tensor

    def __init__(self, operator: BilinearOperator, x: Tensor, w_shape: Shape) -> None:
        super().__init__()
        self.operator = operator
        self.register_buffer("x", as_tensor(x, "x"), persistent=False)
        self.input_shape = w_shape
        self.output_shape = operator.output_shape(w_shape, tuple(x.shape[1:]))

    def forward(self, x: Inexact[Tensor, "n *w"]) -> Inexact[Tensor, "n *y"]:
        result: Tensor = self.operator(x, _to_batch(self.x, x))
        return result

    def adjoint(self, r: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *w"]:
        return self.operator.adjoint_w(_to_batch(self.x, r), r, self.input_shape)

    def select(self, index: Tensor) -> LinearOperator:
        x = self.x if len(self.x) == 1 else self.x[index]
        return self.operator.select(index).given(x=x, w_shape=self.input_shape)


def _to_batch(frozen: Tensor, other: Tensor) -> Tensor:
    """A frozen batch of one, seen as the batch of the other argument."""
    return frozen.expand(other.shape[0], *frozen.shape[1:]) if frozen.shape[0] == 1 else frozen


def _adjoint(function: Callable[[Tensor], Tensor], shape: Shape, held: Tensor, r: Tensor) -> Tensor:
    """The adjoint of a linear function of signals of ``shape`` by a vector–Jacobian product; differentiable
    in ``held``, the argument that the function holds.
    """
    dtype = torch.promote_types(held.dtype, r.dtype)
    at = torch.zeros(len(held), *shape, dtype=dtype, device=held.device)
    made, pullback, *_ = torch.func.vjp(function, at)
    if made.is_complex() and not at.is_complex():  # the pullback to real signals would be the real part
        made, pullback, *_ = torch.func.vjp(function, at.to(made.dtype))
    result: Tensor = pullback(r.to(made.dtype))[0]
    return result


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
