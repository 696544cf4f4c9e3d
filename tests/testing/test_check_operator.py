"""`check_operator` passes a right operator and fails one wrong in any single property, naming it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from invkit import Ambiguity, BilinearOperator, InputError, Misfit, Scaling
from invkit.contracts.bilinear import GivenW, Scene
from invkit.contracts.linear import Window
from invkit.testing import check_operator
from invkit.testing.operators import CHECKS, Case


class Right(BilinearOperator):
    """``y = w ⊙ x`` for one-dimensional signals, with defaults for all the rest."""

    measurement_dims = 1

    def forward(self, w: Tensor, x: Tensor) -> Tensor:
        return w * x


class WrongOutputShape(Right):
    def output_shape(self, w_shape, x_shape):
        return (x_shape[0], x_shape[1] + 1)

    def forward(self, w, x):  # the residual has the wrong shape too, so only the shapes can be checked
        return w * x


class WrongMeasurementDims(Right):
    measurement_dims = 2

    def example_shapes(self):
        return [((1, 6), (1, 6))]


class WrongInferredShapes(Right):
    def infer_shapes(self, y_shape, w_shape=None, x_shape=None):
        return (1, 1), tuple(y_shape)


class NotLinearInW(Right):
    def forward(self, w, x):
        return w.abs() * x


class AffineInX(Right):
    def forward(self, w, x):
        return w * x + w


class WrongAdjointOfW(Right):
    def adjoint_w(self, x, r, w_shape=None):
        return (x * r).flip(-1)


class WrongAdjointOfX(Right):
    def adjoint_x(self, w, r, x_shape=None):
        return 2 * w * r


class AdjointOfAnotherShape(Right):
    def adjoint_w(self, x, r, w_shape=None):
        return (x * r).sum(1)


class NotTheDerivative(Right):
    """Passes the dot test, but its forward hides half of itself from automatic differentiation."""

    def forward(self, w, x):
        return w.detach() * x / 2 + w * x / 2

    def adjoint_w(self, x, r, w_shape=None):
        return x * r

    def adjoint_x(self, w, r, x_shape=None):
        return w * r


class ViewOfAnotherOperator(Right):
    def given(self, *, w=None, x=None, w_shape=None, x_shape=None):
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return view.H if w is None else super().given(w=2 * w, x_shape=x_shape)


class Doubling(Scaling):
    name = "doubling"

    def act(self, w, x, parameter):
        return 2 * w, x


class FarAway(Scaling):
    """The right action, but aligning moves away from the truth."""

    name = "far away"

    def align(self, w, x, w_true, x_true):
        return w / 1000, x * 1000


class FalseAmbiguity(Right):
    ambiguities: tuple[Ambiguity, ...] = (Doubling(),)


class Misaligned(Right):
    ambiguities: tuple[Ambiguity, ...] = (FarAway(),)


class NoAmbiguity(Right):
    ambiguities: tuple[Ambiguity, ...] = ()


class NeighboursMix(Right):
    """Bilinear, but each pair's result depends on the batch it is in."""

    def forward(self, w, x):
        return w * x * w.shape[0]

    def adjoint_w(self, x, r, w_shape=None):
        return x * r * x.shape[0]

    def adjoint_x(self, w, r, x_shape=None):
        return w * r * w.shape[0]


class Remembers(Right):
    """Bilinear in any one round of calls, but every `adjoint_x` changes what the next calls give."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, w, x):
        return w * x

    def adjoint_w(self, x, r, w_shape=None):
        self.calls += 1
        return x * r * (1 + 1e-12 * self.calls)


class DoublePrecisionOnly(Right):
    def forward(self, w, x):
        return w.double() * x.double()


class WritesIntoInputs(Right):
    def adjoint_x(self, w, r, x_shape=None):
        result = w * r
        r.zero_()
        return result


class HalfMisfit(Misfit):
    def __call__(self, w, x):
        return super().__call__(w, x) / 2


class WrongGradients(Misfit):
    def value_and_gradients(self, w, x):
        value, gradient_w, gradient_x = super().value_and_gradients(w, x)
        return value, gradient_w / 2, gradient_x


class WrongSelection(Misfit):
    def select(self, index):
        return self.operator.misfit(self.y[index.sort().values])


class ValueHalved(Right):
    def misfit(self, y):
        return HalfMisfit(self, y)


class WirtingerGradients(Right):
    def misfit(self, y):
        return WrongGradients(self, y)


class SelectsWrongly(Right):
    def misfit(self, y):
        return WrongSelection(self, y)


class NoConvolution(GivenW):
    def spectrum(self):
        return torch.fft.rfft(self.w)


class SpectrumOfAProduct(Right):
    def given(self, *, w=None, x=None, w_shape=None, x_shape=None):
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return view if w is None else NoConvolution(self, w, x_shape)


class NoWindow(GivenW):
    def window(self):
        return Window(torch.fft.rfft(self.w), tuple(self.input_shape[1:]), "unread")


class WindowOfAProduct(Right):
    def given(self, *, w=None, x=None, w_shape=None, x_shape=None):
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return view if w is None else NoWindow(self, w, x_shape)


class LastPixelLost(Right):
    def forward(self, w, x):
        return (w * x)[..., :-1]


class SceneOfAnotherSize(Right):
    def beyond(self, w_shape, x_shape):
        return Scene(LastPixelLost(), tuple(x_shape), (0,) * len(x_shape[1:]))


class NearlyTheSame(Right):
    def local(self, w, y_shape, place):
        return self, 2 * w


class RowsReversed(GivenW):
    def matrix(self, n, like):
        return super().matrix(n, like).flip(1)


class MatrixUpsideDown(Right):
    def given(self, *, w=None, x=None, w_shape=None, x_shape=None):
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return view if w is None else RowsReversed(self, w, x_shape)


class ForgetsConjugates(Right):
    """Right for real signals."""

    def adjoint_x(self, w, r, x_shape=None):
        return w * r


class RealPartOnly(Right):
    def forward(self, w, x):
        return w.real * x


class RefusesWithoutADtype(Right):
    def forward(self, w, x):
        if w.is_complex():
            raise InputError("no")
        return w * x


class RefusesHalf(Right):
    """The misfit takes complex signals, and squares them."""

    def forward(self, w, x):
        if w.is_complex():
            raise InputError(f"real signals only, got {w.dtype}")
        return w * x

    def adjoint_w(self, x, r, w_shape=None):
        return x * r

    def adjoint_x(self, w, r, x_shape=None):
        return w * r


class RaisesOnComplex(Right):
    def forward(self, w, x):
        return torch.fft.irfft(torch.fft.rfft(w), w.shape[-1]) * x


WRONG = {
    WrongOutputShape: ("shapes", "output_shape"),
    WrongMeasurementDims: ("shapes", "measurement_dims"),
    WrongInferredShapes: ("shapes", "infer_shapes"),
    NotLinearInW: ("linearity", "linearity in w"),
    AffineInX: ("linearity", "linearity in x"),
    WrongAdjointOfW: ("adjoints", "adjoint_w"),
    WrongAdjointOfX: ("adjoints", "adjoint_x"),
    AdjointOfAnotherShape: ("adjoints", "adjoint_w"),
    NotTheDerivative: ("closed_forms", "closed form of adjoint_w"),
    ViewOfAnotherOperator: ("views", "given"),
    SpectrumOfAProduct: ("spectrum", r"given.*spectrum"),
    WindowOfAProduct: ("window", r"given.*window"),
    SceneOfAnotherSize: ("beyond", "beyond"),
    NearlyTheSame: ("local", "local"),
    MatrixUpsideDown: ("matrix", r"given.*matrix"),
    FalseAmbiguity: ("ambiguities", "doubling.*changes the measurement"),
    Misaligned: ("ambiguities", "align moves x away"),
    NoAmbiguity: ("ambiguities", "none is declared"),
    NeighboursMix: ("batching", "batch"),
    Remembers: ("no_memory", "no hidden state"),
    DoublePrecisionOnly: ("dtype_and_device", "dtype"),
    WritesIntoInputs: ("inputs_untouched", "inputs untouched: adjoint_x writes"),
    ValueHalved: ("misfit", "misfit"),
    WirtingerGradients: ("misfit", "value_and_gradients"),
    SelectsWrongly: ("misfit", "select"),
    ForgetsConjugates: ("complex", r"complex signals: adjoint_x"),
    RealPartOnly: ("complex", r"complex signals: linearity in w"),
    RefusesWithoutADtype: ("complex", "does not say which dtype"),
    RefusesHalf: ("complex", r"only forward, the misfit.* refuses"),
    RaisesOnComplex: ("complex", "refuse them by an InputError"),
}


class RealOnly(Right):
    def forward(self, w, x):
        if w.is_complex() or x.is_complex():
            raise InputError(f"real signals only, got {w.dtype} and {x.dtype}")
        return w * x


@pytest.mark.parametrize("right", [Right, RealOnly])
def test_a_right_operator_passes(right: type[BilinearOperator]) -> None:
    check_operator(right())


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_operator_fails_and_is_told_why(wrong: type[BilinearOperator]) -> None:
    with pytest.raises(AssertionError, match=WRONG[wrong][1]) as failure:
        check_operator(wrong())
    assert wrong.__name__ in str(failure.value)
    assert "seed 0" in str(failure.value)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_the_check_of_a_property_fails_on_its_own(wrong: type[BilinearOperator]) -> None:
    check = next(check for check in CHECKS if check.__name__ == f"check_{WRONG[wrong][0]}")
    shapes = wrong().example_shapes()[0]
    check(Case.draw(Right(), *Right().example_shapes()[0], torch.Generator().manual_seed(0)))
    with pytest.raises(AssertionError, match=WRONG[wrong][1]):
        check(Case.draw(wrong(), *shapes, torch.Generator().manual_seed(0)))


def test_every_check_has_an_operator_that_fails_it() -> None:
    assert {check for check, _ in WRONG.values()} == {
        check.__name__.removeprefix("check_") for check in CHECKS
    }


def test_an_operator_without_examples_cannot_pass() -> None:
    with pytest.raises(AssertionError, match="example_shapes"):
        check_operator(Right(), shapes=[])


def test_the_shapes_to_check_with_may_be_given() -> None:
    class Fussy(Right):
        def forward(self, w: Tensor, x: Tensor) -> Tensor:
            return w * x if x.shape[-1] < 9 else w * x + 1

    check_operator(Fussy())
    with pytest.raises(AssertionError, match=r"linearity.*\(2, 9\)"):
        check_operator(Fussy(), shapes=[((2, 9), (2, 9))])


def test_an_operator_that_raises_fails_and_is_told_where() -> None:
    class Raises(Right):
        def adjoint_x(self, w: Tensor, r: Tensor, x_shape: tuple[int, ...] | None = None) -> Tensor:
            raise RuntimeError("not today")

    with pytest.raises(AssertionError, match=r"not today.*Raises"):
        check_operator(Raises())


def test_values_that_are_not_finite_are_no_agreement() -> None:
    class NotANumber(Right):
        def forward(self, w: Tensor, x: Tensor) -> Tensor:
            return w * x * torch.nan

    with pytest.raises(AssertionError, match="not finite"):
        check_operator(NotANumber())
