"""Is a bilinear operator what it says it is?

    from invkit.testing import check_operator
    check_operator(MyOperator())    # AssertionError: "adjoint_x: <A(w, x), r> is not <x, adjoint_x(w, r)> …"

Checked on the operator's own ``example_shapes()``, in double precision and on random signals: that the shapes
are as promised; linearity in either argument; both adjoints, against the dot product and against automatic
differentiation; the frozen views, their spectra and windows; the larger scene, where x is a part of one; what
it is in pieces; each declared ambiguity; that a batch is its members one by one; the views' matrices; that
nothing is remembered from call to call; that dtype and device are kept and inputs left alone; that the
misfit's shortcuts give the numbers the definition gives; and that complex signals are either refused or
measured with conjugates where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, Misfit
from invkit.contracts.linear import LinearOperator, Shape
from invkit.errors import InputError
from invkit.testing._assertions import naming, require, require_close, require_part, require_shape, run_checks


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
    require_part(operator, BilinearOperator, "check_operator")
    called = type(operator).__name__
    with naming("example_shapes", called):
        given = operator.example_shapes() if shapes is None else shapes
        pairs = [(tuple(w_shape), tuple(x_shape)) for w_shape, x_shape in given]
        require(len(pairs) > 0, "example_shapes", "there are none to check with")
    for w_shape, x_shape in pairs:
        where = f"{called}, w {w_shape}, x {x_shape}, seed {seed}"
        with naming("output_shape", where):
            case = Case.draw(operator, w_shape, x_shape, torch.Generator().manual_seed(seed))
        run_checks(CHECKS, case, where)


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
        w, x, r = (torch.complex(each.real, self.another(each.real)) for each in (self.w, self.x, self.r))
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

    def adjoint_w(self, x: Tensor, r: Tensor) -> Tensor:
        """The operator's, onto this case's shape of ``w``."""
        return self.operator.adjoint_w(x, r, self.w_shape)

    def adjoint_x(self, w: Tensor, r: Tensor) -> Tensor:
        """The operator's, onto this case's shape of ``x``."""
        return self.operator.adjoint_x(w, r, self.x_shape)

    def calls(self) -> dict[str, Callable[[], tuple[Tensor, ...]]]:
        """Every function of the operator at this case's signals, by name."""
        operator, w, x, r = self.operator, self.w, self.x, self.r
        return {
            "forward": lambda: (operator(w, x),),
            "adjoint_w": lambda: (self.adjoint_w(x, r),),
            "adjoint_x": lambda: (self.adjoint_x(w, r),),
            "the misfit": lambda: (operator.misfit(r)(w, x),),
            "the misfit's value_and_gradients": lambda: operator.misfit(r).value_and_gradients(w, x),
        }


def check_shapes(case: Case) -> None:
    """``output_shape`` is the shape of the output, and ``infer_shapes`` agrees where both are given."""
    promised = tuple(case.operator.output_shape(case.w_shape, case.x_shape))
    made = tuple(case.operator(case.w, case.x).shape)
    require(made == (case.batch, *promised), "output_shape", f"it says {promised}, the output is {made[1:]}")
    dims, found = case.operator.measurement_dims, len(promised) - 1
    require(found == dims, "measurement_dims", f"it says {dims}, the output has {found}")
    both = (case.w_shape, case.x_shape)
    inferred = tuple(map(tuple, case.operator.infer_shapes(promised, *both)))
    require(inferred == both, "infer_shapes", f"given both shapes, it says {inferred}")


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
    """The dot-product test of both adjoints.

    Dot products may cancel: they are compared on the scale of what went into them.
    """
    w, x, r = case.w, case.x, case.r
    y = case.operator(w, x)
    scale = y.norm() * r.norm() + 1e-300
    for name, signal, adjoint, equation in (
        ("w", w, case.adjoint_w(x, r), "<w, adjoint_w(x, r)>"),
        ("x", x, case.adjoint_x(w, r), "<x, adjoint_x(w, r)>"),
    ):
        prop = f"adjoint_{name}"
        require_shape(adjoint, signal.shape, prop, "its result")
        found, expected = _dot(signal, adjoint) / scale, _dot(y, r) / scale
        require_close(found + 1, expected + 1, prop, f"<A(w, x), r> is not {equation}", tolerance=1e-12)


def check_closed_forms(case: Case) -> None:
    """Closed-form adjoints are what automatic differentiation gives."""
    operator, r = case.operator, case.r
    explanation = "it is not the derivative's transpose"
    derived = BilinearOperator.adjoint_w(operator, case.x, r, case.w_shape)
    require_close(case.adjoint_w(case.x, r), derived, "closed form of adjoint_w", explanation)
    derived = BilinearOperator.adjoint_x(operator, case.w, r, case.x_shape)
    require_close(case.adjoint_x(case.w, r), derived, "closed form of adjoint_x", explanation)


def check_views(case: Case) -> None:
    """``given`` is the operator with one argument frozen, be it a batch or a single signal."""
    operator, w, x, r = case.operator, case.w, case.x, case.r
    for frozen_w, frozen_x in ((w, x), (w[:1], x[:1])):
        all_w, all_x = frozen_w.expand_as(w), frozen_x.expand_as(x)
        of_x = operator.given(w=frozen_w, x_shape=case.x_shape)
        require_close(of_x(x), operator(all_w, x), "given(w=…)", "its forward is not A(w, ·)")
        adjoint = case.adjoint_x(all_w, r)
        require_close(of_x.adjoint(r), adjoint, "given(w=…)", "its adjoint is not adjoint_x")
        of_w = operator.given(x=frozen_x, w_shape=case.w_shape)
        require_close(of_w(w), operator(w, all_x), "given(x=…)", "its forward is not A(·, x)")
        adjoint = case.adjoint_w(all_x, r)
        require_close(of_w.adjoint(r), adjoint, "given(x=…)", "its adjoint is not adjoint_w")


def check_spectrum(case: Case) -> None:
    """Where a frozen view has a ``spectrum()``, it multiplies the half spectrum of what goes in; where it has
    ``spectra()``, they make the frames, and so do ``low_spectra()``.
    """
    operator, w, x = case.operator, case.w, case.x
    views = (
        ("given(w=…)", operator.given(w=w, x_shape=case.x_shape), x),
        ("given(x=…)", operator.given(x=x, w_shape=case.w_shape), w),
    )
    for name, view, signal in views:
        dims = tuple(range(2, signal.ndim))
        for multipliers, frames in ((view.spectrum(), False), (view.spectra(), True)):
            if multipliers is None:
                continue
            half = torch.fft.rfftn(signal, dim=dims)
            made = (multipliers * half[:, None]).flatten(1, 2) if frames else multipliers * half
            found = torch.fft.irfftn(made, signal.shape[2:], dims)
            what = "its spectra() are" if frames else "its spectrum() is"
            explanation = f"{what} not rfftn(A x) / rfftn(x)"
            require_close(found, view(signal), name, explanation)
        _check_low(view, signal, name)


def _check_low(view: LinearOperator, signal: Tensor, name: str) -> None:
    """A frozen view's ``low_spectra()`` are its ``spectra()`` at low frequencies."""
    largest = tuple((length - 1) // 4 for length in signal.shape[2:])
    found, expected = view.low_spectra(largest), LinearOperator.low_spectra(view, largest)
    explanation = "its low_spectra() are not its spectra() at low frequencies"
    require((found is None) == (expected is None), name, explanation)
    if found is not None and expected is not None:
        require_close(found, expected, name, explanation)


def check_window(case: Case) -> None:
    """Where a frozen view has a ``window()``, it measures the frame that the signal is placed in."""
    operator, w, x = case.operator, case.w, case.x
    views = (
        ("given(w=…)", operator.given(w=w, x_shape=case.x_shape), x),
        ("given(x=…)", operator.given(x=x, w_shape=case.w_shape), w),
    )
    for name, view, signal in views:
        window = view.window()
        if window is None:
            continue
        size = tuple(window.size)
        inside: tuple[Any, ...] = tuple(slice(length) for length in signal.shape[2:])
        measured: tuple[Any, ...] = tuple(slice(length) for length in view.output_shape[1:])
        for beyond in (0.0, 1.0) if window.beyond == "unread" else (0.0,):
            frame = case.another(signal.new_empty(*signal.shape[:2], *size)) * beyond
            frame[(..., *inside)] = signal
            dims = tuple(range(2, signal.ndim))
            whole = torch.fft.irfftn(window.multipliers * torch.fft.rfftn(frame, dim=dims), size, dims)
            explanation = f"its window() with {beyond:g} beyond the signal does not measure what A does"
            require_close(whole[(..., *measured)], view(signal), name, explanation)


def check_beyond(case: Case) -> None:
    """A larger scene holds x, and measures as ``y`` does."""
    scene = case.operator.beyond(case.w_shape, case.x_shape)
    if scene is None:
        return
    promised = tuple(case.operator.output_shape(case.w_shape, case.x_shape))
    made = tuple(scene.operator.output_shape(case.w_shape, scene.x_shape))
    require(made == promised, "beyond", f"the scene measures as {made}, x as {promised}")
    whole = case.x.new_zeros(len(case.x), *scene.x_shape)
    require_shape(scene.part(whole, case.x_shape), case.x.shape, "beyond", "x's part of the scene")


def check_local(case: Case) -> None:
    """There is a node for each channel of ``w``; with one piece ``local`` is exact for the whole."""
    operator, y_shape = case.operator, tuple(case.r.shape[1:])
    nodes, pieces = operator.nodes(y_shape), operator.pieces(case.w, y_shape)
    require(len(pieces) == operator.measurement_dims, "pieces", f"it says {pieces}")
    if nodes is not None:
        fit = case.w_shape[0] in (1, len(nodes)) and nodes.shape[1] == operator.measurement_dims
        require(fit, "nodes", f"they are of shape {tuple(nodes.shape)}, w has {case.w_shape[0]} channels")
    if set(pieces) == {1}:
        near, w = operator.local(case.w, y_shape, tuple(slice(0, length) for length in y_shape[1:]))
        require_close(near(w, case.x), operator(case.w, case.x), "local", "with one piece it is not exact")


def check_ambiguities(case: Case) -> None:
    """Every declared ambiguity leaves the measurement as it is, and can undo itself given the truth."""
    operator, declared = case.operator, case.operator.ambiguities
    require(len(declared) > 0, "ambiguities", "none is declared, but every bilinear map has the scaling")
    for ambiguity in declared:
        parameter = ambiguity.sample(case.w, case.x, case.rng)
        w, x = ambiguity.restrict(case.w, case.x, parameter)
        moved, y, prop = ambiguity.act(w, x, parameter), operator(w, x), f"ambiguity {ambiguity.name!r}"
        require_close(operator(*moved), y, prop, "it changes the measurement")
        aligned = ambiguity.align(*moved, w, x)
        before, after = (moved[1] - x).norm(), (aligned[1] - x).norm()
        require(bool(after <= before + 1e-9 * x.norm()), prop, "align moves x away from the truth")
        require_close(operator(*aligned), y, prop, "align changes the measurement")


def check_batching(case: Case) -> None:
    """A batch is its members, one by one."""
    for prop, function, one, other in (
        ("batch", case.operator, case.w, case.x),
        ("batch of adjoint_w", case.adjoint_w, case.x, case.r),
        ("batch of adjoint_x", case.adjoint_x, case.w, case.r),
    ):
        alone = [function(one[i : i + 1], other[i : i + 1]) for i in range(case.batch)]
        require_close(function(one, other), torch.cat(alone), prop, "it is not its members one by one")


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
    require_shape(found, (len(signal), expected[0].numel(), signal[0].numel()), name, "its matrix is")
    made = (found @ signal.flatten(1)[..., None].to(found.dtype)).reshape(expected.shape)
    require_close(made, expected, name, "its matrix times a flat signal is not its forward")


def check_no_memory(case: Case) -> None:
    """What an operator was given before does not matter."""

    def results() -> list[Tensor]:
        return [case.calls()[name]()[0] for name in ("forward", "adjoint_w", "adjoint_x")]

    first = results()
    case.operator(case.another(case.w), case.another(case.x))
    case.adjoint_w(case.another(case.x), case.r)
    case.adjoint_x(case.another(case.w), case.r)
    same = all(map(torch.equal, first, results()))
    require(same, "no hidden state", "the same inputs gave other results after another call")


def check_dtype_and_device(case: Case) -> None:
    """Results have the inputs' dtype and device; single precision is double precision's, roughly."""
    exact = {name: call() for name, call in case.calls().items()}
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        for dtype in (torch.float32, torch.float64):
            signals = {name: getattr(case, name).to(device=device, dtype=dtype) for name in "wxr"}
            for name, call in attrs.evolve(case, **signals).calls().items():
                for value, expected in zip(call(), exact[name], strict=True):
                    what = f"{name} of {dtype} inputs on {device}"
                    wanted = dtype.to_complex() if expected.is_complex() else dtype
                    require(value.dtype == wanted, "dtype", f"{what} is {value.dtype}")
                    require(value.device.type == device, "device", f"{what} is on {value.device}")
                    explanation = f"{what} is not what it is in double precision"
                    found = value.to("cpu", expected.dtype)
                    require_close(found, expected, "dtype", explanation, tolerance=1e-4)


def check_inputs_untouched(case: Case) -> None:
    """No call writes into its arguments."""
    signals = (case.w, case.x, case.r)
    before = [signal.clone() for signal in signals]
    for name, call in case.calls().items():
        call()
        untouched = all(map(torch.equal, signals, before))
        require(untouched, "inputs untouched", f"{name} writes into an argument")


def check_misfit(case: Case) -> None:
    """The operator's misfit, value and gradients, is ``‖y − A(w, x)‖²`` and its gradients, however it is
    worked out.
    """
    operator, w, x, y = case.operator, case.w, case.x, case.r

    def same(found: Sequence[Tensor], expected: Sequence[Tensor], explanation: str) -> None:
        for one, other in zip(found, expected, strict=True):
            require_close(one, other, "misfit", explanation)

    def per_pair(numbers: Tensor, like: Tensor) -> Tensor:
        return numbers.reshape(-1, *[1] * (like.ndim - 1))

    reference = Misfit(operator, y).value_and_gradients(w, x)
    r = operator(w, x) - y
    gradients = (
        2 * (each if like.is_complex() else each.real)  # a real argument moves along the real part alone
        for each, like in ((case.adjoint_w(x, r), w), (case.adjoint_x(w, r), x))
    )
    defined = (r.abs().square().flatten(1).sum(1), *gradients)
    same(reference, defined, "it is not ‖r‖², 2 A(·, x)ᴴ r and 2 A(w, ·)ᴴ r")
    misfit = operator.misfit(y)
    explanation = "value_and_gradients is not ‖y − A(w, x)‖² and its gradients"
    same(misfit.value_and_gradients(w, x), reference, explanation)
    same([misfit(w, x)], reference[:1], "its value is not ‖y − A(w, x)‖²")
    for wanted in ((0, 1), (0,), (1,)):
        inputs = [signal.clone().requires_grad_(i in wanted) for i, signal in enumerate((w, x))]
        value = misfit(*inputs)
        weights = torch.arange(1, case.batch + 1).to(value)
        found = torch.autograd.grad((weights * value).sum(), [inputs[i] for i in wanted])
        expected = [gradient * per_pair(weights, gradient) for gradient in reference[1:]]
        same(found, [expected[i] for i in wanted], "its backward pass does not give its gradients")
    last = case.batch - 1
    for index in (torch.tensor([last, 0]), torch.tensor([0, last, last, 0, 0])):
        selected = misfit.select(index).value_and_gradients(w[index], x[index])
        same(selected, [each[index] for each in reference], "select(index) is not the misfit to y[index]")
    shared = operator.misfit(y[:1].expand_as(y))(w, x)
    copied = Misfit(operator, y[:1].expand_as(y).clone())(w, x)
    same([shared], [copied], "a measurement shared by the batch is not treated as a copy for each")


def check_complex(case: Case) -> None:
    """Complex signals are refused by an InputError that names their dtype, or all of the above holds for
    them.
    """
    case = case.complex()
    refused = [name for name, call in case.calls().items() if _refuses_complex(call, name)]
    if not refused:
        for check in _COMPLEX_TOO:
            try:
                check(case)
            except AssertionError as error:
                raise AssertionError(f"complex signals: {error}") from error
    everywhere = len(refused) in (0, len(case.calls()))
    require(everywhere, "complex signals", f"only {', '.join(refused)} refuses them")


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
    check_window,
    check_beyond,
    check_local,
    check_ambiguities,
    check_batching,
    check_matrix,
    check_no_memory,
    check_dtype_and_device,
    check_misfit,
    check_complex,
)
"""In this order: an operator that writes into its inputs could pass any check after its misdeed."""


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a.conj() * b).flatten(1).sum(1)
