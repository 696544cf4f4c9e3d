"""Problems and objectives: what is minimised, against its definition and against finite differences."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import InputError, Problem, ShapeError
from invkit.contracts.noise import Gaussian
from invkit.errors import PluginError
from invkit.testing._problems import EXAMPLE_NAMES, Example, examples
from tests.strategies import seeds

every_example = pytest.mark.parametrize("name", EXAMPLE_NAMES)
weights = st.floats(0, 10)


def drawn(name: str, seed: int, n: int = 4) -> tuple[Example, Tensor, Tensor]:
    """A problem of its own, and latents to evaluate it at."""
    example = next(each for each in examples(seed, n) if each.name == name)
    rng = torch.Generator().manual_seed(seed + 1)
    h, m = (prior.sample_latent(n, rng, dtype=torch.float64) for prior in example.problem.priors)
    return example, h, m


@every_example
@given(seed=seeds, lam=weights, gamma=weights)
@settings(max_examples=10)
def test_the_objective_is_residual_and_weighted_penalties(
    name: str, seed: int, lam: float, gamma: float
) -> None:
    example, h, m = drawn(name, seed)
    problem, (prior_w, prior_x) = example.problem, example.problem.priors
    state = problem.weighted(lam, gamma).measured(example.y)(h, m)
    w, x = prior_w(h), prior_x(m)
    residual = (example.y - problem.operator(w, x)).flatten(1).square().sum(1)
    torch.testing.assert_close(state.w, w)
    torch.testing.assert_close(state.x, x)
    torch.testing.assert_close(state.residual, residual)
    total = residual + lam * prior_w.penalty(h, w) + gamma * prior_x.penalty(m, x)
    torch.testing.assert_close(state.total, total)


@every_example
@given(seed=seeds, lam=weights, gamma=weights)
@settings(max_examples=10)
def test_gradients_are_those_of_finite_differences(name: str, seed: int, lam: float, gamma: float) -> None:
    example, h, m = drawn(name, seed)
    objective = example.problem.weighted(lam, gamma).measured(example.y)
    state, grad_h, grad_m = objective.gradients(h, m)
    rng = torch.Generator().manual_seed(seed)
    step = 1e-5
    for latent, gradient, at in (
        (h, grad_h, lambda z: objective(z, m).total),
        (m, grad_m, lambda z: objective(h, z).total),
    ):
        direction = torch.randn(latent.shape, generator=rng, dtype=latent.dtype)
        along = (at(latent + step * direction) - at(latent - step * direction)) / (2 * step)
        expected = (gradient * direction).flatten(1).sum(1)
        scale = 1 + state.total.max().item()
        torch.testing.assert_close(along / scale, expected / scale, atol=1e-7, rtol=1e-5)


@every_example
def test_gradients_leave_no_graph_and_touch_nothing(name: str) -> None:
    example, h, m = drawn(name, 0)
    before = h.clone(), m.clone()
    state, grad_h, grad_m = example.problem.measured(example.y).gradients(h, m)
    for tensor in (state.total, state.residual, state.w, state.x, grad_h, grad_m):
        assert not tensor.requires_grad
    assert torch.equal(h, before[0]) and torch.equal(m, before[1])
    assert not h.requires_grad and grad_h.shape == h.shape and grad_m.shape == m.shape


@every_example
def test_gradients_are_found_where_gradients_are_off(name: str) -> None:
    example, h, m = drawn(name, 0)
    objective = example.problem.weighted(0.1, 0.1).measured(example.y)
    expected = objective.gradients(h, m)
    with torch.no_grad():
        found = objective.gradients(h, m)
    assert torch.equal(expected[1], found[1]) and torch.equal(expected[2], found[2])


@every_example
def test_gradients_in_one_latent_alone(name: str) -> None:
    example, h, m = drawn(name, 0)
    objective = example.problem.weighted(0.1, 0.2).measured(example.y)
    _, both_h, both_m = objective.gradients(h, m)
    state, only_h, no_m = objective.gradients(h, m, wrt="w")
    torch.testing.assert_close(only_h, both_h)
    assert not no_m.any() and no_m.shape == m.shape
    assert not state.total.requires_grad
    _, no_h, only_m = objective.gradients(h, m, wrt="x")
    torch.testing.assert_close(only_m, both_m)
    assert not no_h.any() and no_h.shape == h.shape


@every_example
def test_candidates_do_not_mix(name: str) -> None:
    """One candidate's numbers are the same alone, in any order, and beside one that is not finite."""
    example, h, m = drawn(name, 0)
    objective = example.problem.weighted(0.1, 0.2).measured(example.y)
    state, grad_h, grad_m = objective.gradients(h, m)
    index = torch.tensor([2, 0, 0])
    some, some_h, some_m = objective.select(index).gradients(h[index], m[index])
    torch.testing.assert_close(some.total, state.total[index])
    torch.testing.assert_close(some_h, grad_h[index])
    torch.testing.assert_close(some_m, grad_m[index])
    broken = m.clone()
    broken[1] = torch.nan
    beside, beside_h, beside_m = objective.gradients(h, broken)
    torch.testing.assert_close(beside.total[index], state.total[index])
    torch.testing.assert_close(beside_h[index], grad_h[index])
    torch.testing.assert_close(beside_m[index], grad_m[index])


@every_example
def test_other_weights_make_another_problem_and_change_none(name: str) -> None:
    example, h, m = drawn(name, 0)
    problem = example.problem
    heavy = problem.weighted(2.0, 3.0)
    assert problem.weights == (0.0, 0.0) and heavy.weights == (2.0, 3.0)
    assert heavy.operator is problem.operator and heavy.priors is problem.priors
    light = heavy.measured(example.y).scaled(0.0)(h, m)
    torch.testing.assert_close(light.total, light.residual)
    assert torch.equal(light.total, problem.measured(example.y)(h, m).total)


def test_a_weight_of_zero_asks_for_no_penalty() -> None:
    """What is not part of the objective cannot spoil it."""

    class NoPenalty(invkit.prior("identity").__class__):
        def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
            raise AssertionError("asked for")

    free = NoPenalty()
    problem = Problem(invkit.operator("pointwise"), (free, invkit.prior("identity")))
    problem = Problem(problem.operator, (free, problem.priors[1].shaped((1, 4, 4))), weights=(0.0, 1.0))
    y = torch.rand(1, 1, 4, 4)
    state = problem.measured(y)(y, y)
    assert state.total > state.residual


def test_shapes_come_from_operator_and_measurement() -> None:
    priors = (invkit.prior("identity?shape=1x3x3"), invkit.prior("identity"))
    problem = Problem(invkit.operator("circconv"), priors, weights=(0.1, 0.2))
    shaped = problem.shaped((3, 8, 9))
    assert [prior.signal_shape for prior in shaped.priors] == [(1, 3, 3), (3, 8, 9)]
    assert shaped.weights == (0.1, 0.2)
    assert problem.priors[1].signal_shape is None
    assert shaped.shaped((3, 8, 9)).priors[1].signal_shape == (3, 8, 9)


@pytest.mark.parametrize(
    ("operator", "priors", "y_shape"),
    [
        ("circconv", ("identity?shape=1x9x9", "identity"), (1, 8, 8)),  # a kernel larger than the image
        ("circconv", ("identity?shape=1x3x3", "identity?shape=1x8x8"), (3, 8, 8)),  # grey prior, colour image
        ("pointwise", ("identity?shape=1x8x8", "identity"), (1, 6, 6)),
        ("matmul", ("identity", "identity"), (1, 6, 6)),  # the inner dimension is anybody's guess
    ],
)
def test_what_does_not_fit_is_said(operator: str, priors: tuple[str, str], y_shape: tuple[int, ...]) -> None:
    problem = Problem(invkit.operator(operator), (invkit.prior(priors[0]), invkit.prior(priors[1])))
    with pytest.raises(ShapeError) as failure:
        problem.shaped(y_shape)
    assert failure.value.hint


@every_example
def test_every_candidate_may_have_weights_of_its_own(name: str) -> None:
    """As if each were weighed alone; they go along where candidates are selected, and scale together."""
    example, h, m = drawn(name, 0, 3)
    lam, gamma = (torch.tensor(each).to(h) for each in ([0.1, 0.0, 2.0], [0.3, 5.0, 0.0]))
    objective = example.problem.weighted(lam, gamma).measured(example.y)
    state, grad_h, grad_m = objective.gradients(h, m)
    for i in range(3):
        alone = example.problem.weighted(float(lam[i]), float(gamma[i])).measured(example.y[i : i + 1])
        one, one_h, one_m = alone.gradients(h[i : i + 1], m[i : i + 1])
        torch.testing.assert_close(state.total[i], one.total[0])
        torch.testing.assert_close(grad_h[i], one_h[0])
        torch.testing.assert_close(grad_m[i], one_m[0])
    index = torch.tensor([2, 0])
    torch.testing.assert_close(objective.select(index)(h[index], m[index]).total, state.total[index])
    heavier, penalties = objective.scaled(3.0)(h, m), state.total - state.residual
    torch.testing.assert_close(heavier.total, state.residual + 3 * penalties)


# Noise


class Squares(Gaussian):
    """Gaussian noise that does not say that the operator's misfit serves it."""

    @property
    def plain(self) -> bool:
        return False


@every_example
def test_the_operators_misfit_is_the_cost_of_plain_gaussian_noise(name: str) -> None:
    example, h, m = drawn(name, 0)
    problem = example.problem.weighted(0.1, 0.2)
    found = attrs.evolve(problem, noise=Squares()).measured(example.y).gradients(h, m)
    for one, other in zip(found[1:], problem.measured(example.y).gradients(h, m)[1:], strict=True):
        torch.testing.assert_close(one, other)


@every_example
@pytest.mark.parametrize("spec", ["gaussian", "poisson", "robust?delta=0.1"])
def test_the_data_term_is_that_of_the_noise(name: str, spec: str) -> None:
    example, h, m = drawn(name, 0)
    y = example.y.abs() + 0.1
    weights = torch.rand(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    weights[:, 0, 0] = 0.0  # some are not measured at all
    noise = invkit.noise(spec)
    noise, y = type(noise)(weights=weights).prepared(y)
    problem = attrs.evolve(example.problem, noise=noise).weighted(0.1, 0.2)
    state, grad_h, grad_m = problem.measured(y).gradients(h, m)
    z = problem.operator(state.w, state.x)
    torch.testing.assert_close(state.residual, noise(z, y))
    left = ((y - z).square() * (weights > 0)).flatten(1).sum(1)
    torch.testing.assert_close(problem.residual(state.w, state.x, y), left)
    index = torch.tensor([3, 0, 0])
    some, some_h, some_m = problem.measured(y).select(index).gradients(h[index], m[index])
    torch.testing.assert_close(some.total, state.total[index])
    torch.testing.assert_close(some_h, grad_h[index])
    torch.testing.assert_close(some_m, grad_m[index])


@pytest.mark.parametrize(
    ("noise", "says"),
    [
        (Gaussian(torch.ones(1, 4, 4)), "mine takes only white Gaussian.*not entries that count differently"),
        (invkit.noise("robust"), "mine takes only white Gaussian noise.*not other noise"),
    ],
)
def test_a_solver_may_refuse_other_noise(noise: invkit.Noise, says: str) -> None:
    problem = Problem(invkit.operator("pointwise"), (invkit.prior("identity"),) * 2, noise=noise)
    with pytest.raises(InputError, match=says) as refusal:
        problem.require_plain_noise("mine")
    assert refusal.value.hint
    attrs.evolve(problem, noise=Gaussian(sigma=0.1)).require_plain_noise("mine")


def test_a_prior_that_makes_other_shapes_than_it_says_is_named() -> None:
    class Squeezed(invkit.Generator):
        latent_shape, signal_shape = (1, 8, 8), (1, 8, 8)

        def forward(self, latent: Tensor) -> Tensor:
            return latent[:, 0]

    y = torch.rand(2, 1, 8, 8)
    says = r"the prior of x, Squeezed, makes signals of shape \(\d+, 8, 8\) of \d+ latents.*is \(1, 8, 8\)"
    for solver in ("altgd?steps=2,restarts=2", "irgnm?steps=2"):
        with pytest.raises(PluginError, match=says):
            invkit.compose("pointwise", ["identity", Squeezed()], solver)(y)


def test_complex_measurements_of_a_real_model_are_refused() -> None:
    y = torch.ones(2, 1, 8, 8, dtype=torch.complex64)
    real, other = (f"identity?shape=1x8x8,field={field}" for field in ("real", "complex"))

    def problem(operator: str, *priors: str) -> Problem:
        w, x = map(invkit.prior, priors)
        return Problem(invkit.operator(operator), (w, x)).shaped((1, 8, 8))

    with pytest.raises(InputError, match=r"both priors and the operator make real numbers.*y\.real"):
        problem("pointwise", real, real).require_field(y)
    problem("pointwise", real, real).require_field(y.real)
    problem("pointwise", real, other).require_field(y)
    problem("pointwise | dft", real, real).require_field(y)
