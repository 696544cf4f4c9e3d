"""Bilinear operators made of others: a linear map after, maps before, several sources, several measurements.

    invkit.linear("mask:k.npy") @ invkit.linear("dft") @ invkit.operator("pointwise")      # MRI
    invkit.operator("circconv") @ (None, invkit.linear("crop?margin=2"))
    invkit.operator("circconv") + invkit.operator("circconv")                              # two sources
    invkit.stack([invkit.operator("circconv"), invkit.operator("pointwise")])

Each is a bilinear operator again, with the adjoints, shapes, ambiguities and frozen views that follow from
its parts. Names are chained by bars: ``invkit.operator("circconv | downsample?factor=2")`` is
``downsample @ circconv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, Pair, Scaling, W, X, Y, closest_factors, random_factors
from invkit.contracts.bilinear import BilinearOperator, Scene
from invkit.contracts.linear import Composition, LinearOperator, LinearStack, Role, Shape, stacked_shape
from invkit.errors import InputError, InvkitError, ShapeError, counted

__all__ = ["After", "Before", "SourceScaling", "Sources", "Stack", "chain_of", "stack"]


class After(BilinearOperator):
    """``(w, x) ↦ L A(w, x)``: what ``L`` leaves of a measurement.

    Args:
        linear: L, tied to a shape or not.
        operator: A.
    """

    def __init__(self, linear: LinearOperator, operator: BilinearOperator) -> None:
        super().__init__()
        if isinstance(operator, After):
            linear, operator = linear @ operator.linear, operator.operator
        self.linear: LinearOperator = linear
        self.operator: BilinearOperator = operator
        self.roles, self.ambiguities = operator.roles, operator.ambiguities
        self.w_shape, self.x_shape = operator.w_shape, operator.x_shape
        self.measurement_dims = (
            len(linear.output_shape) - 1 if linear.has_shape else operator.measurement_dims
        )

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.chain()))

    def forward(self, w: W, x: X) -> Y:
        made: Tensor = self.linear(self.operator(w, x))
        return made

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """``A(·, x)ᴴ Lᴴ r``."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        return self.operator.adjoint_w(x, self._tied(w_shape, x_shape).adjoint(r), w_shape)

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """``A(w, ·)ᴴ Lᴴ r``."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        return self.operator.adjoint_x(w, self._tied(w_shape, x_shape).adjoint(r), x_shape)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        return tuple(self._tied(w_shape, x_shape).output_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """As for A, whose measurement is the signal that L makes ``y`` of."""
        if w_shape is None or x_shape is None:
            w_shape, x_shape = self.operator.infer_shapes(self.linear.input_for(y_shape), w_shape, x_shape)
        return super().infer_shapes(y_shape, w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Those of A that L takes."""
        return _fitting(self, self.operator.example_shapes())

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """``L`` after A with one argument frozen."""
        return self.linear @ self.operator.given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)

    def beyond(self, w_shape: Shape, x_shape: Shape) -> Scene | None:
        scene = self.operator.beyond(w_shape, x_shape)
        if scene is None:
            return None
        return Scene(After(self._tied(w_shape, x_shape), scene.operator), scene.x_shape, scene.start)

    def select(self, index: Tensor) -> BilinearOperator:
        return After(self.linear.select(index), self.operator.select(index))

    def chain(self) -> list[BilinearOperator | LinearOperator]:
        """A, and the maps after it in the order in which they act."""
        maps: list[LinearOperator] = []
        waiting = [self.linear]
        while waiting:
            last = waiting.pop()
            if isinstance(last, Composition):
                waiting += [last.outer, last.inner]
            else:
                maps.append(last)
        return [self.operator, *maps]

    def _tied(self, w_shape: Shape, x_shape: Shape) -> LinearOperator:
        return self.linear.shaped(self.operator.output_shape(w_shape, x_shape))


class Before(BilinearOperator):
    """``(w, x) ↦ A(P w, Q x)``; where P or Q is None, that argument is left as it is.

    Of A's ambiguities only the scaling is known to remain.
    """

    def __init__(self, operator: BilinearOperator, maps: tuple[LinearOperator | None, ...]) -> None:
        super().__init__()
        self.operator, self.p, self.q = operator, maps[0], maps[1]
        self.measurement_dims = operator.measurement_dims
        roles = ["any" if each else role for each, role in zip(maps, operator.roles, strict=True)]
        self.roles = (roles[0], roles[1])
        shapes = zip(maps, (operator.w_shape, operator.x_shape), strict=True)
        self.w_shape, self.x_shape = (
            own if each is None else tuple(each.input_shape) if each.has_shape else None
            for each, own in shapes
        )

    def forward(self, w: W, x: X) -> Y:
        made: Tensor = self.operator(w if self.p is None else self.p(w), x if self.q is None else self.q(x))
        return made

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """``Pᴴ A(·, Q x)ᴴ r``."""
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        moved = x if self.q is None else self.q(x)
        back = self.operator.adjoint_w(moved, r, _through(self.p, w_shape))
        return back if self.p is None else self.p.shaped(w_shape).adjoint(back)

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """``Qᴴ A(P w, ·)ᴴ r``."""
        _, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        moved = w if self.p is None else self.p(w)
        back = self.operator.adjoint_x(moved, r, _through(self.q, x_shape))
        return back if self.q is None else self.q.shaped(x_shape).adjoint(back)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        return self.operator.output_shape(_through(self.p, w_shape), _through(self.q, x_shape))

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """The shapes that P and Q take; where they take any, those that make A's own."""
        w_shape, x_shape = w_shape or self.w_shape, x_shape or self.x_shape
        if w_shape is None or x_shape is None:
            known = [
                None if shape is None else _through(each, shape)
                for each, shape in ((self.p, w_shape), (self.q, x_shape))
            ]
            inner_w, inner_x = self.operator.infer_shapes(y_shape, *known)
            w_shape = w_shape or (inner_w if self.p is None else self.p.input_for(inner_w))
            x_shape = x_shape or (inner_x if self.q is None else self.q.input_for(inner_x))
        return super().infer_shapes(y_shape, w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Those whose images under P and Q are examples of A's."""
        made = []
        for inner_w, inner_x in self.operator.example_shapes():
            try:
                made.append(
                    (
                        inner_w if self.p is None else tuple(self.p.input_for(inner_w)),
                        inner_x if self.q is None else tuple(self.q.input_for(inner_x)),
                    )
                )
            except InvkitError:
                continue
        tied = [each.output_shape for each in (self.p, self.q) if each is not None and each.has_shape]
        for inner in tied if not made else []:
            try:
                made.append(self.infer_shapes(tuple(inner)))
            except InvkitError:
                continue
        return made

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """A with one argument frozen, after the map of the other."""
        both = ((self.p, w_shape), (self.q, x_shape))
        inner_w, inner_x = (shape and _through(each, shape) for each, shape in both)
        w = w if w is None or self.p is None else self.p(w)
        x = x if x is None or self.q is None else self.q(x)
        view = self.operator.given(w=w, x=x, w_shape=inner_w, x_shape=inner_x)
        moved, shape = (self.q, x_shape) if x is None else (self.p, w_shape)
        return view if moved is None or shape is None else view @ moved.shaped(shape)

    def select(self, index: Tensor) -> BilinearOperator:
        maps = tuple(each and each.select(index) for each in (self.p, self.q))
        return Before(self.operator.select(index), maps)


class Sources(BilinearOperator):
    """``y = Σᵢ Aᵢ(wᵢ, xᵢ)``: several sources, their ``w`` and ``x`` side by side along the channels.

    Where an operator takes one shape alone (a map before it says so), its part has that shape's channels;
    else all sources have equal parts of them.
    """

    def __init__(self, operators: Sequence[BilinearOperator]) -> None:
        super().__init__()
        flat = [
            term for each in operators for term in (each.operators if isinstance(each, Sources) else [each])
        ]
        dims = {each.measurement_dims for each in flat}
        if len(dims) > 1:
            raise ShapeError(
                f"cannot add operators whose measurements have {' and '.join(map(str, sorted(dims)))} axes",
                hint="add operators of as many axes; see their option dims",
            )
        self.operators: Sequence[BilinearOperator] = torch.nn.ModuleList(flat)  # type: ignore[assignment]
        self.measurement_dims = dims.pop()
        for name in ("w_shape", "x_shape"):
            known = [shape for each in flat if (shape := getattr(each, name))]
            if len({shape[1:] for shape in known}) > 1:
                raise ShapeError(
                    f"the sources take {name[0]} of shapes {' and '.join(map(str, known))}, which do not "
                    "stand side by side",
                    hint="give the sources maps that take as many numbers",
                )
        self.roles = _shared_roles(flat)
        self.w_shape, self.x_shape = (
            _side_by_side([getattr(each, name) for each in flat]) for name in ("w_shape", "x_shape")
        )
        self.ambiguities = (SourceScaling(self),)

    def parts(self, signal: Tensor, which: str) -> list[Tensor]:
        """Each source's part of ``w`` or ``x``; ``which`` says whose channels."""
        return list(torch.split(signal, self.channels(which, signal.shape[1]), 1))

    def channels(self, which: str, total: int) -> list[int]:
        """How many channels of ``w`` or ``x`` belong to each source."""
        known = [getattr(each, f"{which}_shape") for each in self.operators]
        if all(known) and sum(each[0] for each in known) == total:
            return [each[0] for each in known]
        if total % len(known):
            raise ShapeError(
                f"{which} has {counted(total, 'channel')} for {len(known)} sources",
                hint=f"give {which} as many channels of each source; a prior of several parts is product",
            )
        return [total // len(known)] * len(known)

    def forward(self, w: W, x: X) -> Y:
        pairs = zip(self.operators, self.parts(w, "w"), self.parts(x, "x"), strict=True)
        parts = [operator(*pair) for operator, *pair in pairs]
        self._check([tuple(part.shape[1:]) for part in parts])
        made: Tensor = sum(parts)
        return made

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """Each source's own, side by side."""
        w_shape, _ = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        shapes = self._shapes("w", w_shape)
        each = zip(self.operators, self.parts(x, "x"), shapes, strict=True)
        return torch.cat([operator.adjoint_w(part, r, shape) for operator, part, shape in each], 1)

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """Each source's own, side by side."""
        _, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        shapes = self._shapes("x", x_shape)
        each = zip(self.operators, self.parts(w, "w"), shapes, strict=True)
        return torch.cat([operator.adjoint_x(part, r, shape) for operator, part, shape in each], 1)

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        pairs = zip(self.operators, self._shapes("w", w_shape), self._shapes("x", x_shape), strict=True)
        made = [operator.output_shape(*pair) for operator, *pair in pairs]
        self._check(made)
        return made[0]

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Each source's, side by side."""
        w_shape, x_shape = w_shape or self.w_shape, x_shape or self.x_shape
        if w_shape is None or x_shape is None:
            count = len(self.operators)
            own = [
                [None] * count if shape is None else self._shapes(name, shape)
                for name, shape in (("w", w_shape), ("x", x_shape))
            ]
            found = [
                operator.infer_shapes(y_shape, *pair)
                for operator, *pair in zip(self.operators, *own, strict=True)
            ]
            w_shape = w_shape or _side_by_side([each[0] for each in found])
            x_shape = x_shape or _side_by_side([each[1] for each in found])
        return super().infer_shapes(y_shape, w_shape, x_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """The first operator's, once for each source."""
        made = []
        for w, x in self.operators[0].example_shapes():
            sides = [
                _side_by_side([getattr(each, name) or shape for each in self.operators])
                for name, shape in (("w_shape", w), ("x_shape", x))
            ]
            if sides[0] and sides[1]:
                made.append((sides[0], sides[1]))
        return _fitting(self, made)

    def select(self, index: Tensor) -> BilinearOperator:
        return Sources([each.select(index) for each in self.operators])

    def _check(self, made: Sequence[Shape]) -> None:
        """Refuse sources that measure differently; torch would repeat what has length 1."""
        if len(set(made)) > 1:
            raise ShapeError(
                f"the sources measure as {' and '.join(map(str, made))}",
                hint="give every source signals that measure alike",
            )

    def _shapes(self, which: str, shape: Shape) -> list[Shape]:
        return [(count, *shape[1:]) for count in self.channels(which, shape[0])]


class SourceScaling(Ambiguity):
    """``(αᵢ wᵢ, xᵢ/αᵢ)`` with a factor for each source: positive, or complex where both signals are."""

    name = "source scaling"

    def __init__(self, sources: Sources) -> None:
        self._channels, self._count = sources.channels, len(sources.operators)

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        return random_factors((len(w), self._count), w, x, rng)

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return w * self._spread(parameter, "w", w), x / self._spread(parameter, "x", x)

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        sizes = self._channels("x", x.shape[1])
        shape = (len(x), *[1] * (x.ndim - 1))
        pairs = zip(torch.split(x, sizes, 1), torch.split(x_true, sizes, 1), strict=True)
        factors = [closest_factors(shape, w, found, truth).reshape(-1) for found, truth in pairs]
        return self.act(w, x, torch.stack(factors, 1))

    def _spread(self, parameter: Tensor, which: str, signal: Tensor) -> Tensor:
        sizes = torch.tensor(self._channels(which, signal.shape[1]), device=parameter.device)
        spread = parameter.repeat_interleave(sizes, 1)
        return spread.reshape(*spread.shape, *[1] * (signal.ndim - 2))


class Stack(BilinearOperator):
    """``y = (A₁(w, x), A₂(w, x), …)``: several measurements of one pair, side by side along the channels."""

    def __init__(self, operators: Sequence[BilinearOperator]) -> None:
        super().__init__()
        if not operators:
            raise InputError("a stack of no operators", hint="give a list of operators")
        dims = {each.measurement_dims for each in operators}
        if len(dims) > 1:
            raise ShapeError(
                f"cannot stack measurements of {' and '.join(map(str, sorted(dims)))} axes",
                hint="stack operators of as many axes; see their option dims",
            )
        self.operators: Sequence[BilinearOperator] = torch.nn.ModuleList(operators)  # type: ignore[assignment]
        self.measurement_dims = dims.pop()
        self.roles = _shared_roles(operators)
        self.w_shape, self.x_shape = (
            next((shape for each in operators if (shape := getattr(each, name))), None)
            for name in ("w_shape", "x_shape")
        )
        names = [{every.name for every in each.ambiguities} for each in operators]
        shared = [each for each in operators[0].ambiguities if all(each.name in own for own in names)]
        self.ambiguities = tuple(shared) or (Scaling(),)

    def forward(self, w: W, x: X) -> Y:
        parts = [operator(w, x) for operator in self.operators]
        stacked_shape([tuple(part.shape[1:]) for part in parts])  # refuses unlike ones
        return torch.cat(parts, 1)

    def adjoint_w(self, x: X, r: Y, w_shape: Shape | None = None) -> W:
        """The sum of the operators' own."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), w_shape, tuple(x.shape[1:]))
        parts = zip(self.operators, self._split(r, w_shape, x_shape), strict=True)
        return sum(operator.adjoint_w(x, part, w_shape) for operator, part in parts)  # type: ignore[return-value]

    def adjoint_x(self, w: W, r: Y, x_shape: Shape | None = None) -> X:
        """The sum of the operators' own."""
        w_shape, x_shape = self.infer_shapes(tuple(r.shape[1:]), tuple(w.shape[1:]), x_shape)
        parts = zip(self.operators, self._split(r, w_shape, x_shape), strict=True)
        return sum(operator.adjoint_x(w, part, x_shape) for operator, part in parts)  # type: ignore[return-value]

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        made = [each.output_shape(w_shape, x_shape) for each in self.operators]
        return stacked_shape(made)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Those that the first operator infers from its share of the channels."""
        return super().infer_shapes(y_shape, *self._both(y_shape, w_shape, x_shape))

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Those that fit every operator."""
        return _fitting(self, self.operators[0].example_shapes())

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        """The operators with one argument frozen, side by side."""
        views = [each.given(w=w, x=x, w_shape=w_shape, x_shape=x_shape) for each in self.operators]
        return LinearStack(views)

    def select(self, index: Tensor) -> BilinearOperator:
        return Stack([each.select(index) for each in self.operators])

    def _both(self, y_shape: Shape, w_shape: Shape | None, x_shape: Shape | None) -> tuple[Shape, Shape]:
        w_shape, x_shape = w_shape or self.w_shape, x_shape or self.x_shape
        if w_shape is None or x_shape is None:
            share = (y_shape[0] // len(self.operators) or 1, *y_shape[1:])
            w_shape, x_shape = self.operators[0].infer_shapes(share, w_shape, x_shape)
        return w_shape, x_shape

    def _split(self, r: Inexact[Tensor, "n *y"], w_shape: Shape, x_shape: Shape) -> tuple[Tensor, ...]:
        channels = [each.output_shape(w_shape, x_shape)[0] for each in self.operators]
        return tuple(torch.split(r, channels, 1))


def stack(operators: Iterable[Any]) -> BilinearOperator:
    """Several measurements of the same ``(w, x)``, side by side along the channel axis.

    Args:
        operators: what measures; their measurements have the same axes after the channels.

    Raises:
        InputError: no operators, or something else.
        ShapeError: measurements of different numbers of axes.
    """
    if not isinstance(operators, Iterable):
        raise InputError(f"a {type(operators).__name__} is no list of operators", hint="write stack([A, B])")
    listed = list(operators)
    for each in listed:
        if not isinstance(each, BilinearOperator):
            raise InputError(f"a {type(each).__name__} is no operator", hint='write invkit.operator("NAME")')
    return Stack(listed)


def before_of(operator: BilinearOperator, maps: Any) -> BilinearOperator:
    """``A @ (P, Q)``, checked; of nothing but None, A itself.

    Raises:
        InputError: not a pair of linear operators or None.
    """
    pair = tuple(maps) if isinstance(maps, list | tuple) else (maps,)
    if len(pair) != 2 or not all(each is None or isinstance(each, LinearOperator) for each in pair):
        raise InputError(
            "an operator is put after a pair of linear maps, that of w and that of x",
            hint="write A @ (P, Q), with None where an argument is left as it is",
        )
    return operator if pair == (None, None) else Before(operator, pair)


def chain_of(given: Sequence[Any], build: Callable[[str, Any], Any]) -> BilinearOperator:
    """An operator and the linear maps after it, from a list of them.

    Args:
        given: first the operator, then the maps in the order in which they act: objects, tables or specs.
        build: (kind, spec) ↦ the part.

    Raises:
        InputError: an empty list.
    """
    if not given:
        raise InputError("an empty list of operators", hint='write e.g. "circconv | downsample?factor=2"')
    made: BilinearOperator = build("operator", given[0])
    for each in given[1:]:
        made = build("linear", each) @ made
    return made


def _through(linear: LinearOperator | None, shape: Shape) -> Shape:
    return tuple(shape) if linear is None else tuple(linear.shaped(shape).output_shape)


def _shared_roles(operators: Sequence[BilinearOperator]) -> tuple[Role, Role]:
    """The role of each argument: the operators' own where they agree, else ``any``."""
    first: Role = operators[0].roles[0] if len({each.roles[0] for each in operators}) == 1 else "any"
    second: Role = operators[0].roles[1] if len({each.roles[1] for each in operators}) == 1 else "any"
    return first, second


def _side_by_side(shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of signals side by side along the channels; None where one is not known or they differ."""
    known = [each for each in shapes if each is not None]
    if len(known) < len(shapes) or len({tuple(each[1:]) for each in known}) > 1:
        return None
    return (sum(each[0] for each in known), *known[0][1:])


def _fitting(
    operator: BilinearOperator, shapes: Sequence[tuple[Shape, Shape]]
) -> Sequence[tuple[Shape, Shape]]:
    """The pairs of shapes that an operator takes."""
    taken = []
    for w, x in shapes:
        try:
            operator.output_shape(w, x)
        except InvkitError:
            continue
        taken.append((w, x))
    return taken
