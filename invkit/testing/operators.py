"""Is a bilinear operator what it says it is?

    from invkit.testing import check_operator
    check_operator(MyOperator())    # AssertionError: "adjoint_x: <A(w, x), r> is not <x, adjoint_x(w, r)> …"

Checked on the operator's own ``example_shapes()``, in double precision and on random signals: that the shapes
are as promised; linearity in either argument; both adjoints, against the dot product and against automatic
differentiation; the frozen views and their spectra; each declared ambiguity; that a batch is its members one
by one; the views' matrices; that nothing is remembered from call to call; that dtype and device are kept and
inputs left alone; that the misfit's shortcuts give the numbers the definition gives; and that complex
signals are either refused or measured with conjugates where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, Misfit
from invkit.contracts.linear import LinearOperator, Shape
from invkit.errors import InputError
from invkit.testing._assertions import require, require_close


def check_operator(
    operator: BilinearOperator, *, seed: int = 0, shapes: Sequence[tuple[Shape, Shape]] | None = None
) -> None:
    """Check every property of the :class:`BilinearOperator` contract.

    Args:
        operator: what to check.
        seed: of the random signals.
        shapes: pairs ``(w_shape, x_shape)`` to check with, the operator's ``example_shapes()`` by default.

    Raises:
        AssertionError: naming the property that does not hold, and the shapes.
    """
    shapes = operator.example_shapes() if shapes is None else shapes
    require(len(shapes) > 0, "example_shapes", "there are none to check with")
    for w_shape, x_shape in shapes:
        rng = torch.Generator().manual_seed(seed)
        case = Case.draw(operator, tuple(w_shape), tuple(x_shape), rng)
        for check in CHECKS:
            try:
                check(case)
            except Exception as error:  # what an operator raises where it should not is a failure too
                prop = check.__name__.removeprefix("check_").replace("_", " ")
                what = str(error) if isinstance(error, AssertionError) else f"{prop}: it raises {error!r}"
                where = f"{type(operator).__name__}, w {tuple(w_shape)}, x {tuple(x_shape)}, seed {seed}"
                raise AssertionError(f"{what} [{where}]") from error


@attrs.frozen(eq=False)
class Case:
    """An operator with a batch of random signals of one pair of shapes."""

    operator: BilinearOperator
    w: Tensor
    x: Tensor
    r: Tensor
    rng: torch.Generator

    @classmethod
    def draw(
        cls, operator: BilinearOperator, w_shape: Shape, x_shape: Shape, rng: torch.Generator, batch: int = 3
    ) -> Case:
        """Normal signals ``w``, ``x`` and ``r`` (of the measurement's shape), in double precision."""
        shapes = (w_shape, x_shape, operator.output_shape(w_shape, x_shape))
        w, x, r = (torch.randn(batch, *shape, generator=rng, dtype=torch.float64) for shape in shapes)
        return cls(operator, w, x, r, rng)

    def another(self, like: Tensor) -> Tensor:
        """Another random batch of the same shape."""
        return torch.randn(like.shape, generator=self.rng, dtype=like.dtype)

    def complex(self) -> Case:
        """The same with an imaginary part to every signal."""
        w, x, r = (torch.complex(signal, self.another(signal)) for signal in (self.w, self.x, self.r))
        return Case(self.operator, w, x, r, self.rng)

    @property
    def batch(self) -> int:
        """How many pairs there are."""
        return self.w.shape[0]

    @property
    def w_shape(self) -> Shape:
        """The shape of one ``w``."""
        return tuple(self.w.shape[1:])

    @property
    def x_shape(self) -> Shape:
        """The shape of one ``x``."""
        return tuple(self.x.shape[1:])


def check_shapes(case: Case) -> None:
    """``output_shape`` is the shape of the output, and ``infer_shapes`` agrees where both are given."""
    promised = tuple(case.operator.output_shape(case.w_shape, case.x_shape))
    made = tuple(case.operator(case.w, case.x).shape)
    require(made == (case.batch, *promised), "output_shape", f"it says {promised}, the output is {made[1:]}")
    dims = case.operator.measurement_dims
    require(
        len(promised) == dims + 1, "measurement_dims", f"it says {dims}, the output has {len(promised) - 1}"
    )
    inferred = tuple(map(tuple, case.operator.infer_shapes(promised, case.w_shape, case.x_shape)))
    require(
        inferred == (case.w_shape, case.x_shape), "infer_shapes", f"given both shapes, it says {inferred}"
    )


def check_linearity(case: Case) -> None:
    """``A(aw + bv, x) = a A(w, x) + b A(v, x)``, and the same in ``x``."""
    operator, w, x = case.operator, case.w, case.x
    a, b = (1.7 - 0.3j, -0.6 + 1.1j) if w.is_complex() else (1.7, -0.6)
    v, z = case.another(case.w), case.another(case.x)
    combined, apart = operator(a * w + b * v, x), a * operator(w, x) + b * operator(v, x)
    require_close(combined, apart, "linearity in w", "A(a w + b v, x) is not a A(w, x) + b A(v, x)")
    combined, apart = operator(w, a * x + b * z), a * operator(w, x) + b * operator(w, z)
    require_close(combined, apart, "linearity in x", "A(w, a x + b z) is not a A(w, x) + b A(w, z)")


def check_adjoints(case: Case) -> None:
    """The dot-product test of both adjoints."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    measured = _dot(operator(w, x), r)
    of_w = operator.adjoint_w(x, r, case.w_shape)
    require(of_w.shape == w.shape, "adjoint_w", f"its shape is {tuple(of_w.shape)}, w has {tuple(w.shape)}")
    _require_equal_dots(
        _dot(w, of_w), measured, case, "adjoint_w", "<A(w, x), r> is not <w, adjoint_w(x, r)>"
    )
    of_x = operator.adjoint_x(w, r, case.x_shape)
    require(of_x.shape == x.shape, "adjoint_x", f"its shape is {tuple(of_x.shape)}, x has {tuple(x.shape)}")
    _require_equal_dots(
        _dot(x, of_x), measured, case, "adjoint_x", "<A(w, x), r> is not <x, adjoint_x(w, r)>"
    )


def check_closed_forms(case: Case) -> None:
    """Closed-form adjoints are what automatic differentiation gives."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    closed, derived = (
        operator.adjoint_w(x, r, case.w_shape),
        BilinearOperator.adjoint_w(operator, x, r, case.w_shape),
    )
    require_close(closed, derived, "closed form of adjoint_w", "it is not the derivative's transpose")
    closed, derived = (
        operator.adjoint_x(w, r, case.x_shape),
        BilinearOperator.adjoint_x(operator, w, r, case.x_shape),
    )
    require_close(closed, derived, "closed form of adjoint_x", "it is not the derivative's transpose")


def check_views(case: Case) -> None:
    """``given`` is the operator with one argument frozen, be it a batch or a single signal."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    for frozen_w, frozen_x in ((w, x), (w[:1], x[:1])):
        all_w, all_x = frozen_w.expand_as(w), frozen_x.expand_as(x)
        of_x = operator.given(w=frozen_w, x_shape=case.x_shape)
        require_close(of_x(x), operator(all_w, x), "given(w=…)", "its forward is not A(w, ·)")
        expected = operator.adjoint_x(all_w, r, case.x_shape)
        require_close(of_x.adjoint(r), expected, "given(w=…)", "its adjoint is not adjoint_x")
        of_w = operator.given(x=frozen_x, w_shape=case.w_shape)
        require_close(of_w(w), operator(w, all_x), "given(x=…)", "its forward is not A(·, x)")
        expected = operator.adjoint_w(all_x, r, case.w_shape)
        require_close(of_w.adjoint(r), expected, "given(x=…)", "its adjoint is not adjoint_w")


def check_spectrum(case: Case) -> None:
    """Where a frozen view has a ``spectrum()``, it multiplies the half spectrum of what goes in."""
    operator, w, x = case.operator, case.w, case.x
    views = (
        ("given(w=…)", operator.given(w=w, x_shape=case.x_shape), x),
        ("given(x=…)", operator.given(x=x, w_shape=case.w_shape), w),
    )
    for name, view, signal in views:
        multipliers = view.spectrum()
        if multipliers is None:
            continue
        dims = tuple(range(2, signal.ndim))
        spectrum = multipliers * torch.fft.rfftn(signal, dim=dims)
        found = torch.fft.irfftn(spectrum, signal.shape[2:], dims)
        require_close(found, view(signal), name, "its spectrum() is not rfftn(A x) / rfftn(x)")


def check_ambiguities(case: Case) -> None:
    """Every declared ambiguity leaves the measurement as it is, and can undo itself given the truth."""
    require(
        len(case.operator.ambiguities) > 0,
        "ambiguities",
        "none is declared, but every bilinear map has the scaling",
    )
    for ambiguity in case.operator.ambiguities:
        parameter = ambiguity.sample(case.w, case.x, case.rng)
        w, x = ambiguity.restrict(case.w, case.x, parameter)
        moved_w, moved_x = ambiguity.act(w, x, parameter)
        prop = f"ambiguity {ambiguity.name!r}"
        require_close(
            case.operator(moved_w, moved_x), case.operator(w, x), prop, "it changes the measurement"
        )
        aligned_w, aligned_x = ambiguity.align(moved_w, moved_x, w, x)
        before, after = (moved_x - x).norm(), (aligned_x - x).norm()
        require(bool(after <= before + 1e-9 * x.norm()), prop, "align moves x away from the truth")
        require_close(
            case.operator(aligned_w, aligned_x), case.operator(w, x), prop, "align changes the measurement"
        )


def check_batching(case: Case) -> None:
    """A batch is its members, one by one."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    for prop, function, arguments in (
        ("batch", operator, (w, x)),
        ("batch of adjoint_w", lambda x, r: operator.adjoint_w(x, r, case.w_shape), (x, r)),
        ("batch of adjoint_x", lambda w, r: operator.adjoint_x(w, r, case.x_shape), (w, r)),
    ):
        alone = [function(arguments[0][i : i + 1], arguments[1][i : i + 1]) for i in range(case.batch)]
        require_close(function(*arguments), torch.cat(alone), prop, "it is not its members one by one")


def check_matrix(case: Case) -> None:
    """A frozen view written out does to flat signals what the view does to signals, each with its own."""
    operator, w, x = case.operator, case.w, case.x
    for frozen in (w, w[:1]):
        view = operator.given(w=frozen, x_shape=case.x_shape)
        _require_matrix(view, x, "given(w=…)")
    _require_matrix(operator.given(x=x, w_shape=case.w_shape), w, "given(x=…)")


def _require_matrix(view: LinearOperator, signal: Tensor, name: str) -> None:
    expected = view(signal)
    found = view.matrix(len(signal), signal)
    shape = (len(signal), expected[0].numel(), signal[0].numel())
    require(tuple(found.shape) == shape, name, f"its matrix is of shape {tuple(found.shape)}, not {shape}")
    made = (found @ signal.flatten(1)[..., None]).reshape(expected.shape)
    require_close(made, expected, name, "its matrix times a flat signal is not its forward")


def check_no_memory(case: Case) -> None:
    """What an operator was given before does not matter."""
    operator, w, x, r = case.operator, case.w, case.x, case.r

    def results() -> list[Tensor]:
        return [
            operator(w, x),
            operator.adjoint_w(x, r, case.w_shape),
            operator.adjoint_x(w, r, case.x_shape),
        ]

    first = results()
    operator(case.another(case.w), case.another(case.x))
    operator.adjoint_w(case.another(case.x), r, case.w_shape)
    operator.adjoint_x(case.another(case.w), r, case.x_shape)
    for before, after in zip(first, results(), strict=True):
        require(
            torch.equal(before, after),
            "no hidden state",
            "the same inputs gave other results after another call",
        )


def check_dtype_and_device(case: Case) -> None:
    """Results have the inputs' dtype and device; single precision is double precision's, roughly."""
    exact = [value for _, value in _everything(case.operator, case.w, case.x, case.r)]
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for device in devices:
        for dtype in (torch.float32, torch.float64):
            signals = (signal.to(device=device, dtype=dtype) for signal in (case.w, case.x, case.r))
            for (name, value), expected in zip(_everything(case.operator, *signals), exact, strict=True):
                require(value.dtype == dtype, "dtype", f"{name} of {dtype} inputs is {value.dtype}")
                require(
                    value.device.type == device, "device", f"{name} of {device} inputs is on {value.device}"
                )
                explanation = f"{name} in {dtype} is not what it is in double precision"
                require_close(value.to("cpu", torch.float64), expected, "dtype", explanation, tolerance=1e-4)


def check_inputs_untouched(case: Case) -> None:
    """No call writes into its arguments."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: operator(w, x),
        "adjoint_w": lambda: operator.adjoint_w(x, r, case.w_shape),
        "adjoint_x": lambda: operator.adjoint_x(w, r, case.x_shape),
        "the misfit": lambda: operator.misfit(r)(w, x),
        "the misfit's value_and_gradients": lambda: operator.misfit(r).value_and_gradients(w, x),
    }
    before = [signal.clone() for signal in (w, x, r)]
    for name, call in calls.items():
        call()
        for signal, copy in zip((w, x, r), before, strict=True):
            require(torch.equal(signal, copy), "inputs untouched", f"{name} writes into an argument")


def check_misfit(case: Case) -> None:
    """The operator's misfit, value and gradients, is ``‖y − A(w, x)‖²`` and its gradients, however it is
    worked out.
    """
    operator, w, x, y = case.operator, case.w, case.x, case.r
    reference = Misfit(operator, y).value_and_gradients(w, x)
    residual = operator(w, x) - y
    defined = (
        residual.abs().square().flatten(1).sum(1),
        2 * operator.adjoint_w(x, residual, case.w_shape),
        2 * operator.adjoint_x(w, residual, case.x_shape),
    )
    for found, expected in zip(reference, defined, strict=True):
        require_close(found, expected, "misfit", "it is not ‖r‖², 2 A(·, x)ᴴ r and 2 A(w, ·)ᴴ r")
    misfit = operator.misfit(y)
    for found, expected in zip(misfit.value_and_gradients(w, x), reference, strict=True):
        require_close(
            found, expected, "misfit", "value_and_gradients is not ‖y − A(w, x)‖² and its gradients"
        )
    require_close(misfit(w, x), reference[0], "misfit", "its value is not ‖y − A(w, x)‖²")
    for wanted in ((True, True), (True, False), (False, True)):
        inputs = [s.clone().requires_grad_(wants) for s, wants in zip((w, x), wanted, strict=True)]
        value = misfit(*inputs)
        weights = torch.arange(1, case.batch + 1).to(value)
        leaves = [leaf for leaf in inputs if leaf.requires_grad]
        expected_leaves = [g for g, wants in zip(reference[1:], wanted, strict=True) if wants]
        for found, expected in zip(
            torch.autograd.grad((weights * value).sum(), leaves), expected_leaves, strict=True
        ):
            weighted = expected * weights.reshape(-1, *[1] * (expected.ndim - 1))
            require_close(found, weighted, "misfit", "its backward pass does not give its gradients")
    last = case.batch - 1
    for index in (torch.tensor([last, 0]), torch.tensor([0, last, last, 0, 0])):
        selected = misfit.select(index).value_and_gradients(w[index], x[index])
        for found, expected in zip(selected, reference, strict=True):
            require_close(found, expected[index], "misfit", "select(index) is not the misfit to y[index]")
    shared = operator.misfit(y[:1].expand_as(y))(w, x)
    expected = Misfit(operator, y[:1].repeat(case.batch, *[1] * (y.ndim - 1)))(w, x)
    require_close(
        shared, expected, "misfit", "a measurement shared by the batch is not treated as a copy for each"
    )


def check_complex(case: Case) -> None:
    """Complex signals are refused by an InputError that names their dtype, or all of the above holds for
    them.
    """
    case = case.complex()
    operator, w, x, r = case.operator, case.w, case.x, case.r
    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: operator(w, x),
        "adjoint_w": lambda: operator.adjoint_w(x, r, case.w_shape),
        "adjoint_x": lambda: operator.adjoint_x(w, r, case.x_shape),
        "the misfit": lambda: operator.misfit(r)(w, x),
        "the misfit's value_and_gradients": lambda: operator.misfit(r).value_and_gradients(w, x),
    }
    refused = [name for name, call in calls.items() if _refuses_complex(call, name)]
    if not refused:
        for check in _COMPLEX_TOO:
            try:
                check(case)
            except AssertionError as error:
                raise AssertionError(f"complex signals: {error}") from error
    require(len(refused) in (0, len(calls)), "complex signals", f"only {', '.join(refused)} refuses them")


def _refuses_complex(call: Callable[[], object], name: str) -> bool:
    try:
        call()
    except InputError as error:
        require("complex" in str(error), "complex signals", f"{name} does not say which dtype it refuses")
        return True
    except Exception as error:
        raise AssertionError(
            f"complex signals: {name} raises {error!r}; refuse them by an InputError that names the dtype"
        ) from error
    return False


_COMPLEX_TOO: tuple[Callable[[Case], None], ...] = (
    check_linearity,
    check_adjoints,
    check_closed_forms,
    check_views,
    check_ambiguities,
    check_batching,
    check_matrix,
    check_misfit,
)

CHECKS: tuple[Callable[[Case], None], ...] = (
    check_shapes,
    check_inputs_untouched,
    check_linearity,
    check_adjoints,
    check_closed_forms,
    check_views,
    check_spectrum,
    check_ambiguities,
    check_batching,
    check_matrix,
    check_no_memory,
    check_dtype_and_device,
    check_misfit,
    check_complex,
)
"""In this order: an operator that writes into its inputs could pass any check that comes after its misdeed.
"""


def _everything(operator: BilinearOperator, w: Tensor, x: Tensor, r: Tensor) -> list[tuple[str, Tensor]]:
    """Every function of an operator at one point, by name."""
    value, gradient_w, gradient_x = operator.misfit(r).value_and_gradients(w, x)
    return [
        ("forward", operator(w, x)),
        ("adjoint_w", operator.adjoint_w(x, r, tuple(w.shape[1:]))),
        ("adjoint_x", operator.adjoint_x(w, r, tuple(x.shape[1:]))),
        ("the misfit", value),
        ("the misfit's gradient in w", gradient_w),
        ("the misfit's gradient in x", gradient_x),
    ]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a.conj() * b).flatten(1).sum(1)


def _require_equal_dots(found: Tensor, expected: Tensor, case: Case, prop: str, explanation: str) -> None:
    """Dot products may cancel: they are compared on the scale of what went into them."""
    scale = case.operator(case.w, case.x).norm() * case.r.norm() + 1e-300
    require_close(found / scale + 1, expected / scale + 1, prop, explanation, tolerance=1e-12)
