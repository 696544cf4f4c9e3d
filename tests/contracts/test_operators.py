"""The contract of bilinear operators, property by property, over every operator that is registered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import lsqr

import invkit
from invkit import InputError, ShapeError
from invkit.plugin.loading import default_manager
from invkit.testing import check_operator
from invkit.testing.operators import CHECKS, Case
from tests.strategies import batches, operator_specs, seeds, signal_shapes

SPECS = operator_specs()
every_operator = pytest.mark.parametrize("spec", SPECS)


def draw_case(spec: str, data: st.DataObject, seed: int, batch: int) -> Case:
    operator = invkit.operator(spec)
    kernels = operator.nodes(tuple([1] * (operator.measurement_dims + 1)))
    fixed = 1 if kernels is None else len(kernels)
    w_shape, x_shape = data.draw(signal_shapes(list(operator.example_shapes()), fixed), label="shapes")
    return Case.draw(operator, w_shape, x_shape, torch.Generator().manual_seed(seed), batch)


def test_every_registered_operator_is_here() -> None:
    registered = {entry.name for entry in default_manager().registry.entries("operator")}
    assert registered == {spec.partition("?")[0] for spec in SPECS}
    assert {"circconv", "linconv", "pointwise", "outer", "matmul"} <= registered


@every_operator
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@settings(max_examples=3)
@given(data=st.data(), seed=seeds, batch=batches)
def test_contract(spec: str, check, data: st.DataObject, seed: int, batch: int) -> None:
    check(draw_case(spec, data, seed, batch))


@every_operator
@settings(max_examples=2)
@given(data=st.data(), seed=seeds)
def test_scipy_view_has_the_same_adjoint_and_serves_lsqr(spec: str, data: st.DataObject, seed: int) -> None:
    case = draw_case(spec, data, seed, batch=1)
    for frozen, signal in (
        (case.operator.given(w=case.w, x_shape=case.x_shape), case.x),
        (case.operator.given(x=case.x, w_shape=case.w_shape), case.w),
    ):
        flat, r = frozen.to_scipy(), case.r.flatten().numpy()
        measured = frozen(signal).flatten().numpy()
        np.testing.assert_allclose(flat @ signal.flatten().numpy(), measured, atol=1e-12)
        np.testing.assert_allclose(flat.rmatvec(r), frozen.adjoint(case.r).flatten(), atol=1e-12)
        found = lsqr(flat, r, damp=np.linalg.norm(measured), atol=1e-12, btol=1e-12)[0]
        # argmin ‖A s − r‖² + damp² ‖s‖²: its normal equations
        gradient = flat.rmatvec(flat @ found - r) + measured @ measured * found
        np.testing.assert_allclose(gradient, 0, atol=1e-8 * np.abs(flat.rmatvec(r)).max())


@every_operator
@given(data=st.data(), seed=seeds, batch=batches)
@settings(max_examples=3)
def test_linear_views_compose(spec: str, data: st.DataObject, seed: int, batch: int) -> None:
    case = draw_case(spec, data, seed, batch)
    blur = case.operator.given(w=case.w, x_shape=case.x_shape)
    twice = blur.H @ blur
    torch.testing.assert_close(twice(case.x), blur.normal(case.x))
    torch.testing.assert_close(twice.adjoint(case.x), twice(case.x))
    torch.testing.assert_close((blur @ blur.H).H(case.r), blur(blur.adjoint(case.r)))
    assert blur.H.H is blur
    assert twice.input_shape == twice.output_shape == case.x_shape


def test_operators_that_do_not_meet_are_not_composed() -> None:
    outer = invkit.operator("outer").given(w=torch.rand(1, 1, 3), x_shape=(1, 4))
    with pytest.raises(ShapeError, match=r"\(1, 3, 4\).*\(1, 4\)"):
        outer @ outer


@every_operator
@given(data=st.data(), seed=seeds)
@settings(max_examples=5)
def test_shapes_inferred_are_shapes_that_fit(spec: str, data: st.DataObject, seed: int) -> None:
    case = draw_case(spec, data, seed, batch=1)
    y_shape = tuple(case.r.shape[1:])
    for known in ({"w_shape": case.w_shape}, {"x_shape": case.x_shape}, {}):
        try:
            w_shape, x_shape = case.operator.infer_shapes(y_shape, **known)
        except ShapeError as error:
            assert error.hint
        else:
            assert case.operator.output_shape(w_shape, x_shape) == y_shape
            assert known.items() <= {"w_shape": w_shape, "x_shape": x_shape}.items()


@every_operator
def test_a_measurement_of_another_shape_is_refused(spec: str) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = operator.example_shapes()[0]
    channels, *lengths = operator.output_shape(w_shape, x_shape)
    with pytest.raises(ShapeError):
        operator.infer_shapes((channels, *(length + 1 for length in lengths)), w_shape, x_shape)


@every_operator
def test_given_freezes_exactly_one_argument(spec: str) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = operator.example_shapes()[0]
    w, x = torch.rand(1, *w_shape), torch.rand(1, *x_shape)
    for arguments in ({}, {"w": w, "x": x, "x_shape": x_shape}, {"w": w}, {"x": x}):
        with pytest.raises(ShapeError, match="given"):
            operator.given(**arguments)


@every_operator
@settings(max_examples=2)
@given(data=st.data(), seed=seeds)
def test_misfit_has_the_gradients_of_its_values(spec: str, data: st.DataObject, seed: int) -> None:
    """Against finite differences, and the second derivatives too."""
    case = draw_case(spec, data, seed, batch=2)
    if case.w.numel() + case.x.numel() > 150:
        w_shape, x_shape = case.operator.example_shapes()[-1]
        case = Case.draw(case.operator, w_shape, x_shape, case.rng, 2)
    misfit = case.operator.misfit(case.r)
    inputs = (case.w.requires_grad_(), case.x.requires_grad_())
    assert torch.autograd.gradcheck(misfit, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(misfit, inputs, fast_mode=True)


class Convolves(invkit.BilinearOperator):
    """A 1-D convolution per channel, its shape that of ``conv1d``; with a constant of its own."""

    measurement_dims = 1

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.full((1,), 2.0, dtype=torch.float64))

    def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        n, channels, length = x.shape
        groups = {"groups": n * channels}
        flat = torch.nn.functional.conv1d(x.reshape(1, -1, length), w.reshape(n * channels, 1, -1), **groups)
        return self.gain.to(x) * flat.reshape(n, channels, -1)


@given(kernel=st.integers(1, 4), more=st.integers(0, 5), channels=st.integers(1, 3))
def test_the_output_shape_follows_from_the_forward_map(kernel: int, more: int, channels: int) -> None:
    operator, w_shape, x_shape = Convolves(), (channels, kernel), (channels, kernel + more)
    assert operator.output_shape(w_shape, x_shape) == (channels, more + 1)
    assert operator.gain.device.type == "cpu"
    said = rf"Convolves cannot measure w of shape \({channels}, {kernel}\) and x of shape"
    with pytest.raises(ShapeError, match=said):
        operator.output_shape(w_shape, (channels, kernel - 1))


def test_an_operator_of_a_forward_map_alone_passes_and_solves() -> None:
    check_operator(Convolves(), shapes=[((1, 3), (1, 7)), ((2, 2), (2, 2))])
    view = Convolves().given(w=torch.ones(1, 1, 3), x_shape=(1, 6))
    assert view.output_shape == (1, 4)


def test_a_forward_map_without_a_shape_says_why() -> None:
    class Loses(Convolves):
        def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return (w * x).sum(0)

    class Counts(Convolves):
        def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return x[:, :, : int(w.sum())]

    with pytest.raises(ShapeError, match="keep the batch as the first axis"):
        Loses().output_shape((1, 3), (1, 3))
    with pytest.raises(ShapeError, match=r"Counts cannot measure.*where forward needs numbers"):
        Counts().output_shape((1, 3), (1, 3))


# Complex signals ------------------------------------------------------------------------------------------

PRODUCTS = ["pointwise", "outer", "matmul"]
CONVOLUTIONS = [spec for spec in SPECS if "conv" in spec]


@pytest.mark.parametrize("spec", PRODUCTS)
@given(data=st.data(), seed=seeds, batch=batches, of=st.sampled_from([(1, 0), (0, 1), (1, 1)]))
def test_products_of_complex_signals_have_conjugate_adjoints(
    spec: str, data: st.DataObject, seed: int, batch: int, of: tuple[int, int]
) -> None:
    """Real and complex arguments mixed, too: then the inner product's real part alone is a real adjoint's."""
    real = draw_case(spec, data, seed, batch)
    both = real.complex()
    w, x, r = both.w if of[0] else real.w, both.x if of[1] else real.x, both.r
    operator, expected = real.operator, (r.conj() * real.operator(w, x)).sum()
    of_w, of_x = operator.adjoint_w(x, r, real.w_shape), operator.adjoint_x(w, r, real.x_shape)
    torch.testing.assert_close((of_w.conj() * w).sum(), expected)
    torch.testing.assert_close((of_x.conj() * x).sum(), expected)
    residual = operator(w, x) - r
    value, gradient_w, gradient_x = operator.misfit(r).value_and_gradients(w, x)
    torch.testing.assert_close(value, residual.abs().square().flatten(1).sum(1))
    for gradient, half, signal in (
        (gradient_w, operator.adjoint_w(x, residual, real.w_shape), w),
        (gradient_x, operator.adjoint_x(w, residual, real.x_shape), x),
    ):
        torch.testing.assert_close(gradient, 2 * (half if signal.is_complex() else half.real))
    for ambiguity in operator.ambiguities:
        moved = ambiguity.act(w, x, ambiguity.sample(w, x, real.rng))
        assert [each.dtype for each in moved] == [w.dtype, x.dtype]
        torch.testing.assert_close(operator(*moved), operator(w, x))
        aligned = ambiguity.align(*moved, w, x)
        assert [each.dtype for each in aligned] == [w.dtype, x.dtype]
        torch.testing.assert_close(operator(*aligned), operator(w, x))
        assert (aligned[1] - x).norm() <= (moved[1] - x).norm() + 1e-9 * x.norm()


@pytest.mark.parametrize("spec", PRODUCTS)
def test_complex_phases_are_aligned(spec: str) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = operator.example_shapes()[0]
    case = Case.draw(operator, w_shape, x_shape, torch.Generator().manual_seed(0)).complex()
    for ambiguity in (*operator.ambiguities, invkit.Scaling()):
        moved = ambiguity.act(case.w, case.x, ambiguity.sample(case.w, case.x, case.rng))
        aligned = ambiguity.align(*moved, case.w, case.x)
        if spec != "matmul" or ambiguity.name == "scaling" or case.x.shape[-2] <= case.x.shape[-1]:
            torch.testing.assert_close(aligned[1], case.x)


@pytest.mark.parametrize("spec", CONVOLUTIONS)
def test_a_convolution_of_complex_signals_is_that_of_their_parts(spec: str) -> None:
    operator = invkit.operator(spec)
    w_shape, x_shape = operator.example_shapes()[0]
    case = Case.draw(operator, w_shape, x_shape, torch.Generator().manual_seed(0)).complex()
    w, x = case.w, case.x
    real, imaginary = operator(w.real, x), operator(w.imag, x)
    torch.testing.assert_close(operator(w, x), real + 1j * imaginary)
    torch.testing.assert_close(operator(w, x.real), operator(w.real, x.real) + 1j * operator(w.imag, x.real))
    value = operator.misfit(case.r.real)(w, x)
    torch.testing.assert_close(value, (operator(w, x) - case.r.real).abs().square().flatten(1).sum(1))


def test_scipy_views_of_complex_operators() -> None:
    operator = invkit.operator("pointwise")
    case = Case.draw(operator, (1, 3, 2), (1, 3, 2), torch.Generator().manual_seed(0), 1).complex()
    view = operator.given(w=case.w, x_shape=(1, 3, 2))
    flat = view.to_scipy()
    assert flat.dtype == np.complex128
    np.testing.assert_allclose(flat @ case.x.flatten().numpy(), view(case.x).flatten().numpy())
    np.testing.assert_allclose(flat.rmatvec(case.r.flatten().numpy()), view.H(case.r).flatten().numpy())
    with pytest.raises(InputError, match=r"complex.*torch\.float64"):
        view.to_scipy(dtype=torch.float64)
    real = operator.given(w=case.w.real, x_shape=(1, 3, 2)).to_scipy()
    with pytest.raises(InputError, match="complex128"):
        real @ case.x.flatten().numpy()
