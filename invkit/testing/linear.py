"""Is a linear operator what it says it is?

    from invkit.testing import check_linear
    check_linear(MyMap())         # AssertionError: "adjoint: <A x, r> is not <x, Aᴴ r> …"

Checked on the operator's own ``example_shapes()``, in double precision, on real and on complex signals: that
the shapes are as promised, both ways; linearity; the adjoint, against the dot product and against automatic
differentiation; that a batch is its members one by one; sums, multiples, products and the adjoint as
operators; that dtype is kept and inputs left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import torch
from torch import Tensor

from invkit.contracts.linear import LinearOperator, Shape
from invkit.testing._assertions import naming, require, require_close, require_part, require_shape, run_checks

__all__ = ["check_linear"]


def check_linear(
    operator: LinearOperator, *, seed: int = 0, shapes: Sequence[Shape] | None = None
) -> None:
    """Check every property of the :class:`LinearOperator` contract.

    Args:
        operator: what to check.
        seed: of the random signals.
        shapes: input shapes to check with, the operator's ``example_shapes()`` by default.

    Raises:
        AssertionError: naming the property that does not hold, and the shape.
    """
    require_part(operator, LinearOperator, "check_linear")
    called = type(operator).__name__
    with naming("example_shapes", called):
        tried = [tuple(shape) for shape in (operator.example_shapes() if shapes is None else shapes)]
        require(len(tried) > 0, "example_shapes", "there are none to check with")
    for shape in tried:
        for kind in ("real", "complex"):
            where = f"{called}, {kind} signals of shape {shape}, seed {seed}"
            dtype = torch.complex128 if kind == "complex" else torch.float64
            with naming("shaped", where):
                case = Case.draw(operator, shape, dtype, torch.Generator().manual_seed(seed))
            run_checks(CHECKS, case, where)


@attrs.frozen(eq=False)
class Case:
    """An operator tied to a shape, with batches of random signals."""

    given: LinearOperator
    operator: LinearOperator
    x: Tensor
    r: Tensor
    rng: torch.Generator

    @classmethod
    def draw(
        cls, given: LinearOperator, shape: Shape, dtype: torch.dtype, rng: torch.Generator, batch: int = 3
    ) -> Case:
        """Normal signals ``x``, and ``r`` of the output's shape."""
        operator = given.shaped(shape)
        x, r = (
            torch.randn(batch, *each, generator=rng, dtype=dtype) for each in (shape, operator.output_shape)
        )
        return cls(given, operator, x, r, rng)


def check_shapes(case: Case) -> None:
    """The output has the promised shape, and ``input_for`` leads back."""
    made = case.operator(case.x)
    require_shape(made, (len(case.x), *case.operator.output_shape), "output_shape", "the output is")
    require_shape(case.operator.adjoint(case.r), tuple(case.x.shape), "adjoint", "its result is")
    back = tuple(case.operator.input_for(tuple(case.operator.output_shape)))
    require(back == tuple(case.x.shape[1:]), "input_for", f"it says {back} of the output's shape")
    again = case.operator.shaped(tuple(case.x.shape[1:]))
    require(again is case.operator, "shaped", "an operator tied to a shape makes another one for it")


def check_inputs_untouched(case: Case) -> None:
    """No call writes into its argument."""
    before = case.x.clone(), case.r.clone()
    case.operator(case.x)
    case.operator.adjoint(case.r)
    untouched = torch.equal(case.x, before[0]) and torch.equal(case.r, before[1])
    require(untouched, "inputs untouched", "a call writes into its argument")


def check_linearity(case: Case) -> None:
    """``A(a x + b z) = a A x + b A z``."""
    a, b = (1.7 - 0.3j, -0.6 + 1.1j) if case.x.is_complex() else (1.7, -0.6)
    z = torch.randn(case.x.shape, generator=case.rng, dtype=case.x.dtype)
    combined, apart = case.operator(a * case.x + b * z), a * case.operator(case.x) + b * case.operator(z)
    require_close(combined, apart, "linearity", "A(a x + b z) is not a A x + b A z")


def check_adjoint(case: Case) -> None:
    """``⟨A x, r⟩ = ⟨x, Aᴴ r⟩``, on the scale of what goes in, and the derivative's transpose."""
    x, r = case.x, case.r
    y, back = case.operator(x), case.operator.adjoint(r)
    scale = y.norm() * r.norm() + 1e-300
    found, expected = (x.conj() * back).sum() / scale, (y.conj() * r).sum() / scale
    require_close(found + 1, expected + 1, "adjoint", "<A x, r> is not <x, Aᴴ r>", tolerance=1e-12)
    at = x.to(back.dtype)
    made, pullback, *_ = torch.func.vjp(case.operator, at) if _traceable(case) else (y, None)
    if pullback is not None:
        derived = pullback(r.to(made.dtype))[0]
        require_close(derived, back.to(derived.dtype), "adjoint", "it is not the derivative's transpose")


def check_batching(case: Case) -> None:
    """A batch is its members, one by one, each with what belongs to it."""
    rows = [torch.tensor([row]) for row in range(len(case.x))]
    alone = [case.operator.select(row)(case.x[row]) for row in rows]
    require_close(case.operator(case.x), torch.cat(alone), "batch", "it is not its members one by one")
    alone = [case.operator.select(row).adjoint(case.r[row]) for row in rows]
    require_close(case.operator.adjoint(case.r), torch.cat(alone), "batch", "the adjoint is not one by one")


def check_algebra(case: Case) -> None:
    """Adjoint, sum, multiple and product are operators that do what they say."""
    operator, x, r = case.operator, case.x, case.r
    factor = 0.5 - 2j if x.is_complex() else -1.5
    y, back = operator(x), operator.adjoint(r)
    tied = (case.given.H @ case.given).shaped(tuple(x.shape[1:]))
    for made, expected, what in (
        (operator.H(r), back, "A.H"),
        ((operator + operator)(x), 2 * y, "A + A"),
        ((factor * operator)(x), factor * y, "c A"),
        ((factor * operator).adjoint(r), factor.conjugate() * back, "the adjoint of c A"),
        ((operator.H @ operator)(x), operator.normal(x), "A.H @ A"),
        (tied(x), operator.normal(x), "A.H @ A, tied later"),
    ):
        require_close(made, expected, "algebra", f"{what} is not what it says")


def check_dtype(case: Case) -> None:
    """Results have the precision of the input; single precision is double precision's, roughly."""
    both = ((case.operator, case.x, "forward"), (case.operator.adjoint, case.r, "adjoint"))
    for function, signal, name in both:
        exact = function(signal)
        single = signal.to(torch.complex64 if signal.is_complex() else torch.float32)
        found = function(single)
        require(found.real.dtype == torch.float32, "dtype", f"{name} of single precision is {found.dtype}")
        explanation = f"{name} is not what it is in double precision"
        require_close(found.to(exact.dtype), exact, "dtype", explanation, tolerance=1e-4)


def _traceable(case: Case) -> bool:
    """Whether ``torch.func`` can take the operator apart: not where numbers leave torch."""
    try:
        torch.func.vjp(case.operator, case.x)
    except Exception:  # what torch raises for a function of the old kind
        return False
    return True


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_shapes,
    check_inputs_untouched,
    check_linearity,
    check_adjoint,
    check_batching,
    check_algebra,
    check_dtype,
)
