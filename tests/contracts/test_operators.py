"""The contract of bilinear operators, property by property, over every operator that is registered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import lsqr

import invkit
from invkit import ShapeError
from invkit.plugin.loading import default_manager
from invkit.testing.operators import CHECKS, Case
from tests.strategies import batches, operator_specs, seeds, signal_shapes

SPECS = operator_specs()
every_operator = pytest.mark.parametrize("spec", SPECS)


def draw_case(spec: str, data: st.DataObject, seed: int, batch: int) -> Case:
    operator = invkit.operator(spec)
    w_shape, x_shape = data.draw(signal_shapes(list(operator.example_shapes())), label="shapes")
    return Case.draw(operator, w_shape, x_shape, torch.Generator().manual_seed(seed), batch)


def test_every_registered_operator_is_here() -> None:
    registered = {entry.name for entry in default_manager().registry.entries("operator")}
    assert registered == {spec.partition("?")[0] for spec in SPECS}
    assert {"circconv", "linconv", "pointwise", "outer", "matmul"} <= registered


@every_operator
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@settings(max_examples=6)
@given(data=st.data(), seed=seeds, batch=batches)
def test_contract(spec: str, check, data: st.DataObject, seed: int, batch: int) -> None:
    check(draw_case(spec, data, seed, batch))


@every_operator
@settings(max_examples=5)
@given(data=st.data(), seed=seeds)
def test_scipy_view_has_the_same_adjoint_and_serves_lsqr(spec: str, data: st.DataObject, seed: int) -> None:
    case = draw_case(spec, data, seed, batch=1)
    for frozen, signal in (
        (case.operator.given(w=case.w, x_shape=case.x_shape), case.x),
        (case.operator.given(x=case.x, w_shape=case.w_shape), case.w),
    ):
        flat = frozen.to_scipy()
        matrix = flat @ np.eye(flat.shape[1])
        np.testing.assert_allclose(
            flat.rmatvec(case.r.flatten().numpy()), matrix.T @ case.r.flatten().numpy(), atol=1e-9
        )
        measured = frozen(signal).flatten().numpy()
        found = lsqr(flat, measured, atol=1e-12, btol=1e-12, iter_lim=2000)[0]
        np.testing.assert_allclose(flat @ found, measured, atol=1e-5 * max(1.0, np.abs(measured).max()))


@every_operator
@given(data=st.data(), seed=seeds, batch=batches)
@settings(max_examples=5)
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
@settings(max_examples=3)
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
