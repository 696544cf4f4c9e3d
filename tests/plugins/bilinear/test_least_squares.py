"""``lm`` and ``als``: exact recovery, statuses, penalties, and what they refuse."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Problem, Status
from tests.plugins.bilinear.problems import deconvolution, outer_error

both = pytest.mark.parametrize("spec", ["lm", "als"])


def solved(spec: str, problem: Problem, y: Tensor, **more) -> invkit.Solution:
    return invkit.solver(spec).solve(problem, y, torch.Generator().manual_seed(0), **more)


@both
@pytest.mark.parametrize("seed", range(3))
def test_noise_free_subspaces_are_recovered_to_rounding(spec: str, seed: int) -> None:
    problem, y, w, x = deconvolution(length=32, seed=seed)
    solution = solved(spec, problem, y)
    assert outer_error(solution, w, x) < 1e-6
    assert solution.residual < 1e-16 * y.square().sum()
    assert solution.status == (Status.CONVERGED,)


@pytest.mark.parametrize("seed", range(3))
def test_als_ends_at_rounding_where_it_converges_slowly(seed: int) -> None:
    """Little more measurements than unknowns: without inertia 300 steps leave more."""
    problem, y, w, x = deconvolution(length=26, size=12, seed=seed)
    solution = solved("als?steps=300", problem, y)
    assert outer_error(solution, w, x) < 1e-6
    assert solution.residual < 1e-16 * y.square().sum()


@both
def test_single_precision_ends_at_its_rounding(spec: str) -> None:
    problem, y, w, x = deconvolution(length=40, dtype=torch.float32)
    solution = solved(spec, problem, y)
    assert outer_error(solution, w, x) < 1e-3
    assert solution.status == (Status.CONVERGED,)


def test_other_restarts_of_an_explained_measurement_are_dropped() -> None:
    problem, y, _, _ = deconvolution(length=32)
    ends = solved("lm", problem, y).restarts
    assert set(ends.status[0]) <= {Status.CONVERGED, Status.DROPPED}
    assert Status.DROPPED in ends.status[0] and ends.status[0][ends.winner[0]] is Status.CONVERGED


@both
@pytest.mark.parametrize("start", ["spectral", "random"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_answers_leave_equal_measurements_equal_and_the_scale_as_it_was(
    spec: str, start: str, dtype: torch.dtype
) -> None:
    """18 unknowns, 9 equations: from a fit to rounding, steps follow rounding alone, to w of 1e26."""
    y = torch.rand(1, 1, 3, 3, dtype=dtype, generator=torch.Generator().manual_seed(0)).expand(4, 1, 3, 3)
    priors = ["identity?shape=1x3x3", "identity?shape=1x3x3"]
    solution = invkit.compose("circconv", priors, f"{spec}?restarts=3,steps=8,start={start}")(y)
    torch.testing.assert_close(solution.w, solution.w[:1].expand(4, 1, 3, 3), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(solution.x, solution.x[:1].expand(4, 1, 3, 3), rtol=1e-3, atol=1e-3)
    assert 1e-3 < solution.w.abs().max() < 1e3 and 1e-3 < solution.x.abs().max() < 1e3


@both
@pytest.mark.parametrize("start", ["spectral", "random"])
def test_zeros_are_explained_by_zeros(spec: str, start: str) -> None:
    priors = ["identity?shape=1x3x3", "identity?shape=1x6x6"]
    solution = invkit.compose("circconv", priors, f"{spec}?restarts=3,start={start}")(torch.zeros(2, 1, 6, 6))
    assert solution.status == (Status.CONVERGED,) * 2
    assert (solution.x == 0).all() and (solution.residual == 0).all()


def test_the_way_without_matrices_leads_to_the_same_minima(monkeypatch: pytest.MonkeyPatch) -> None:
    from invkit_bilinear.lifted import Lifted

    problem, y, _, _ = deconvolution(length=24, size=5)
    for spec in ("lm?steps=10,restarts=4", "als?steps=3,restarts=4"):
        written = solved(spec, problem, y + 0.1)
        with monkeypatch.context() as patched:
            patched.setattr(Lifted, "of", lambda c: None)
            free = solved(spec, problem, y + 0.1)
        torch.testing.assert_close(free.restarts.residual, written.restarts.residual, rtol=1e-2, atol=1e-6)


@both
def test_the_penalty_weighs_what_it_should(spec: str) -> None:
    """At the minimum of ‖r‖² + λ‖h‖² + γ‖m‖² both penalties are equal: the scale is free."""
    problem, y, _, _ = deconvolution(length=24, size=5)
    solution = solved(f"{spec}?weight_w=3,weight_x=0.5,tolerance=1e-12", problem, y)
    h, m = (each.square().sum() for each in solution.latents)
    torch.testing.assert_close(3 * h, 0.5 * m, rtol=1e-3, atol=0)
    objective = solution.restarts.objective[0, solution.restarts.winner[0]]
    torch.testing.assert_close(objective, solution.residual[0] + 3 * h + 0.5 * m)


@both
def test_a_given_signal_leaves_one_linear_problem(spec: str) -> None:
    problem, y, w, x = deconvolution(length=24, size=5)
    for known, place in ((invkit.Given(w[0]), 0), (invkit.Given(x[0]), 1)):
        priors = (known, problem.priors[1]) if place == 0 else (problem.priors[0], known)
        solution = solved(f"{spec}?steps=3", attrs.evolve(problem, priors=priors), y)
        torch.testing.assert_close((solution.w, solution.x), (w, x))


@pytest.mark.parametrize("noise", ["robust?delta=0.03", "robust?delta=0.03,power=0.5"])
@pytest.mark.parametrize("place", [0, 1])
def test_gross_errors_are_weighed_anew_where_a_signal_is_given(noise: str, place: int) -> None:
    problem, y, w, x = deconvolution(length=60, size=8)
    y = y.clone()
    y[..., ::10] += 5 * y.abs().mean()
    priors = [*problem.priors]
    priors[place] = invkit.Given((w, x)[place][0])
    problem = attrs.evolve(problem, priors=tuple(priors), noise=invkit.noise(noise))
    found = [solved(spec, problem, y) for spec in ("lm", "als")]
    torch.testing.assert_close(found[0].x, found[1].x, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found[0].w, found[1].w, rtol=1e-3, atol=1e-4)
    assert outer_error(found[0], w, x) < 0.05


@both
def test_a_start_is_gone_on_from(spec: str) -> None:
    problem, y, w, x = deconvolution(length=18)  # too few entries for a blind start to be sure
    found = solved(spec, problem, y)
    near = attrs.evolve(found, w=w * 1.01, x=x * 1.01, latents=(None, None))
    assert outer_error(solved(spec, problem, y, start=near), w, x) < 1e-6


@both
def test_gross_errors_are_survived(spec: str) -> None:
    problem, y, w, x = deconvolution(length=48)
    rng = torch.Generator().manual_seed(1)
    wrong = torch.rand(y.shape, generator=rng) < 0.25
    y = torch.where(wrong, 20 * torch.randn(y.shape, generator=rng, dtype=y.dtype), y)
    robust = attrs.evolve(problem, noise=invkit.noise("robust", delta=0.01))
    assert outer_error(solved(spec, robust, y), w, x) < 0.01
    assert outer_error(solved(spec, problem, y), w, x) > 0.01


def test_gross_errors_do_not_turn_the_start() -> None:
    """From its one spectral start ``lm`` comes to the truth, however large the errors are."""
    for seed in range(3):
        problem, y, w, x = deconvolution(length=60, seed=seed)
        wrong = torch.randperm(60, generator=torch.Generator().manual_seed(seed))[:12]
        robust = attrs.evolve(problem, noise=invkit.noise("robust", delta=0.01))
        y[..., wrong] = 1e4 * y[..., wrong].sign()
        assert outer_error(solved("lm?restarts=1", robust, y), w, x) < 0.01


def test_a_decoder_is_refused_by_als_and_taken_by_lm() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 24), torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 24)))
    problem, y, _, _ = deconvolution(length=24, size=5)
    problem = attrs.evolve(problem, priors=(problem.priors[0], invkit.decoder(net.double(), latent=(3,))))
    with pytest.raises(InputError, match="affine") as refused:
        solved("als", problem, y)
    assert "lm" in str(refused.value)
    assert solved("lm?steps=5,restarts=2", problem, y).residual < y.square().sum()


@both
def test_another_penalty_is_refused_only_where_it_weighs(spec: str) -> None:
    problem, y, _, _ = deconvolution(length=12, size=3)
    problem = attrs.evolve(problem, priors=(problem.priors[0], invkit.prior("identity?penalty=tv")))
    with pytest.raises(InputError, match="weight_x=0"):
        solved(f"{spec}?weight_x=1", problem, y)
    solved(f"{spec}?steps=2,restarts=1", problem, y)


@both
@pytest.mark.parametrize(
    "bad", ["steps=0", "restarts=0", "inner=0", "weight_x=-1", "tolerance=-1", "start=no"]
)
def test_bad_options_are_refused(spec: str, bad: str) -> None:
    with pytest.raises(invkit.InvkitError):
        invkit.solver(f"{spec}?{bad}")
