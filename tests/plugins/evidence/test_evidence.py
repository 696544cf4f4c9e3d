"""The solver as a whole, on images that are drawn from its own prior."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

import invkit
from invkit import InputError, InvkitError, Problem, Status
from invkit.contracts.given import Given
from invkit.contracts.noise import Gaussian as White
from invkit_evidence import rounds
from invkit_evidence.evidence import Evidence
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.evidence.problems import CtrlC, evidence, images, solve
from tests.plugins.gaussian.classes import Case, moments_of


def known(seed: int = 0) -> tuple[Problem, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same with one kernel for all, which is known."""
    problem, w, x, _ = images(3, seed=seed)
    shaken = 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=x.dtype)
    y = problem.operator(w[:1].expand_as(w), x) + shaken
    return Problem(problem.operator, (Given(w[0]), problem.priors[1])), w[:1], x, y


def test_with_a_known_kernel_it_is_the_posterior_mean() -> None:
    problem, w, _, y = known()
    found = solve(problem, y)
    assert found.restarts.residual.shape == (3, 1)
    prior_x = problem.priors[1]
    assert isinstance(prior_x, Gaussian)
    marginal = prior_x.marginal(y)
    blur = problem.operator.given(w=w.expand(3, -1, -1, -1), x_shape=tuple(y.shape[1:]))
    arguments = (blur, y.new_zeros(3, 0), torch.full_like(y[:, 0, 0, 0], 0.05**2))
    torch.testing.assert_close(found.x, marginal.mean(*arguments))
    torch.testing.assert_close(found.restarts.objective[:, 0], marginal(*arguments))
    torch.testing.assert_close(prior_x(found.latents[1]), found.x)


def test_the_noise_may_be_left_to_be_estimated() -> None:
    """A wrong σ costs much of what a given one finds; an estimated one does not."""
    prior_x = invkit.prior("spectrum?shape=1x24x24")
    x = prior_x(prior_x.sample_latent(3, torch.Generator().manual_seed(0), dtype=torch.float64))
    problem = Problem(invkit.operator("circconv"), (Given(torch.full((1, 3, 3), 1 / 9)), prior_x))
    clean = problem.operator(problem.priors[0](x.new_zeros(3, 0)), x)
    y = clean + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)

    def error(noise: float | None) -> float:
        found = solve(problem, y, noise=noise, steps=20)
        torch.testing.assert_close(
            found.noise, torch.full_like(found.residual, noise or 0.1), rtol=0 if noise else 0.1, atol=1e-9
        )
        assert found.summary()["noise"] == found.noise.tolist()
        return float((found.x - x).square().mean())

    given = error(0.1)
    assert error(None) < 1.1 * given
    assert error(2.0) > 1.5 * given
    assert error(0.005) > 1.5 * given


def test_the_map_of_deviations_is_the_posteriors() -> None:
    """From 800 draws; every measurement's are alike, so that copies would say no more."""
    case = Case.draw(moments_of("joint", 1, (4, 5), 3), "circconv", n=1)
    problem = Problem(case.operator, (Given(case.w[0]), Gaussian(case.moments)))
    found = solve(problem, case.y, noise=float(case.variance.sqrt()), draws=800)
    assert found.x_std is not None and found.x_std.shape == found.x.shape
    expected = case.posterior()[1].diagonal(dim1=1, dim2=2).sqrt().reshape(case.y.shape)
    torch.testing.assert_close(found.x_std, expected, rtol=0.1, atol=0)
    assert solve(problem, case.y).x_std is None


def test_the_map_of_deviations_has_the_images_layout_and_is_saved(tmp_path: Path) -> None:
    y = np.random.default_rng(0).random((8, 9))
    deblur = invkit.compose("circconv", ["simplex?size=3", "spectrum"], "evidence?starts=4,steps=2,draws=3")
    found = deblur(y)
    assert isinstance(found.x_std, np.ndarray) and found.x_std.shape == found.x.shape == (8, 9)
    found.save(tmp_path)
    assert np.array_equal(np.load(tmp_path / "x_std.npy"), found.x_std)
    drawn = found.samples()
    assert drawn.x.shape == (3, 8, 9) and drawn.w.shape == (3, 3, 3)
    assert np.array_equal(invkit.Solution.load(tmp_path).samples().x, drawn.x)


def test_draws_of_a_kernel_vary_and_those_of_a_known_one_do_not() -> None:
    """Every measurement's are alike, whatever its neighbours; the mean is about the posterior mean."""
    problem, w, _, y = images(2)
    found = solve(problem, y, draws=12)
    drawn = found.samples()
    assert drawn.w.shape == (12, *found.w.shape) and drawn.x.shape == (12, *found.x.shape)
    assert (drawn.w.std(0).flatten(1).sum(1) > 0).all()
    torch.testing.assert_close(drawn.w.flatten(2).sum(2), torch.ones_like(drawn.w.flatten(2).sum(2)))
    torch.testing.assert_close(found.x_std, drawn.x.std(0))
    alone = solve(problem, y[1:], draws=12).samples()
    torch.testing.assert_close(alone.x[:, 0], drawn.x[:, 1], rtol=1e-5, atol=1e-5)
    given = Problem(problem.operator, (Given(w[0]), problem.priors[1]))
    known = solve(given, y, draws=12)
    assert (known.samples().w == w[0]).all()
    assert known.x_std.mean() < found.x_std.mean()


def test_draws_that_ctrl_c_prevents_are_no_numbers() -> None:
    problem, _, _, y = images(2)
    found = solve(problem, y, CtrlC(1), draws=3)
    assert found.status == (Status.INTERRUPTED,) * 2
    assert found.samples().x.isnan().all() and found.x_std.isnan().all() and found.x.isfinite().all()


def test_the_kernel_is_found_where_the_image_tells() -> None:
    """The truth's objective is reached, and the images are nearer than the measurements."""
    problem, w, x, y = images(3)
    found = solve(problem, y, starts=60, keep=(12, 4), steps=60)
    assert found.w is not None
    prior_x = problem.priors[1]
    assert isinstance(prior_x, Gaussian)
    blur = problem.operator.given(w=w, x_shape=tuple(x.shape[1:]))
    of_truth = prior_x.marginal(y)(blur, y.new_zeros(3, 0), torch.full_like(y[:, 0, 0, 0], 0.05**2))
    h = problem.priors[0].encode(w)
    of_truth = of_truth + problem.priors[0].penalty(h, w) / 2
    least = found.restarts.objective.nan_to_num(nan=torch.inf).amin(1)
    assert (least <= of_truth + 0.1).all()
    assert ((found.x - x).square().sum() < 0.5 * (y - x).square().sum()).all()


def test_the_best_that_were_followed_are_in_the_table() -> None:
    problem, _, _, y = images(2)
    found = solve(problem, y)
    finite = torch.isfinite(found.restarts.objective)
    assert finite.shape == (2, 12) and finite.sum(1).tolist() == [2, 2]  # the last of keep
    for row, (statuses, winner) in enumerate(zip(found.restarts.status, found.restarts.winner, strict=True)):
        assert [status is not Status.DROPPED for status in statuses] == finite[row].tolist()
        assert winner == found.restarts.objective[row].nan_to_num(nan=torch.inf).argmin()


@pytest.mark.parametrize("chunk", [1, 25])
def test_chunks_change_nothing(chunk: int) -> None:
    problem, _, _, y = images(3)
    whole, parts = solve(problem, y), solve(problem, y, chunk=chunk)
    assert whole.restarts.winner == parts.restarts.winner
    for name in ("w", "x", "residual"):
        torch.testing.assert_close(getattr(whole, name), getattr(parts, name), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("chunk", [12, 100])
def test_ctrl_c_gives_the_best_so_far(chunk: int) -> None:
    problem, _, _, y = images(3)
    monitor = CtrlC(5)
    found = solve(problem, y, monitor, anneal=0, chunk=chunk)
    assert found.status == (Status.INTERRUPTED,) * 3
    assert monitor.ended is found
    assert torch.isfinite(found.x).all() and torch.isfinite(found.residual).all()
    least = found.restarts.objective.nan_to_num(nan=torch.inf).amin(1)
    scored = solve(problem, y, anneal=0, steps=0, finish=0).restarts.objective
    scored = scored.nan_to_num(nan=torch.inf).amin(1)
    interrupted = 1 if chunk == 12 else 3  # whose chunk had begun
    assert (least[:interrupted] < scored[:interrupted]).all()
    torch.testing.assert_close(least[interrupted:], scored[interrupted:])


def test_a_measurement_out_of_all_proportion_diverges_alone() -> None:
    problem, _, _, y = images(3)
    beside = y.clone()
    beside[1] = 1e200
    sane, found = solve(problem, y), solve(problem, beside)
    assert found.status == (Status.MAX_ITER, Status.DIVERGED, Status.MAX_ITER)
    assert solve(problem, beside[1:2], doubt=0.95).confidence[0] == 0
    assert found.w is not None and torch.isfinite(found.w).all() and torch.isfinite(found.x).all()
    torch.testing.assert_close(found.x[[0, 2]], sane.x[[0, 2]])


def test_a_prior_that_cannot_be_integrated_out_is_refused() -> None:
    problem = Problem(invkit.operator("circconv"), (invkit.prior("simplex?size=3"), invkit.prior("identity")))
    with pytest.raises(InputError, match="Identity cannot do") as error:
        Evidence().solve(problem, torch.rand(1, 1, 8, 8), torch.Generator())
    assert "gaussian:celeba" in str(error.value.hint)


def test_to_follow_nothing_is_refused() -> None:
    with pytest.raises(InvkitError, match="keep is empty") as error:
        evidence(keep=())
    assert "keep=24x8x3" in str(error.value.hint)


def test_a_prior_of_no_rank_is_refused_and_one_rank_is_that_of_all_stages() -> None:
    with pytest.raises(InvkitError, match="rank is empty") as error:
        evidence(rank=())
    assert "rank=16x64" in str(error.value.hint)
    assert evidence(rank=32).search.rank == (32,)
    assert evidence(rank="8x64").search.rank == (8, 64)
    assert evidence(rank="none").search.rank is None


@pytest.mark.parametrize(
    "options",
    [
        "starts=0",
        "keep=0",
        "steps=-1",
        "rate=0",
        "rank=-1",
        "finish=-1",
        "draws=-1",
        "draws=1",
        "chunk=0",
    ],
)
def test_options_out_of_range_are_refused_by_name(options: str) -> None:
    with pytest.raises(InvkitError, match=options.partition("=")[0]):
        invkit.solver(f"evidence?{options}")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvkitError, match="strats"):
        invkit.solver("evidence?strats=3")


# ---------------------------------------------------------------------- noise, starts, batches


def test_noise_may_differ_from_measurement_to_measurement() -> None:
    """Each is solved with its own σ, which the solution names."""
    problem, _, _, y = images(2)
    sigma = torch.tensor([0.05, 0.5]).double()
    both = solve(problem, y, noise=sigma)
    torch.testing.assert_close(both.noise, sigma)
    for row in range(2):
        alone = solve(problem, y[row : row + 1], noise=float(sigma[row]))
        torch.testing.assert_close(alone.x[0], both.x[row])
    assert not torch.allclose(solve(problem, y[1:], noise=0.05).x[0], both.x[1], atol=1e-3)


@pytest.mark.parametrize("noise", ["poisson", "robust", White(weights=torch.tensor(0.5).expand(1, 6, 7))])
def test_other_noise_than_white_and_gaussian_is_refused(noise: str | White) -> None:
    deblur = invkit.compose("circconv", ["simplex?size=3", "spectrum"], "evidence", noise=noise)
    with pytest.raises(InputError, match="evidence") as error:
        deblur(torch.rand(1, 1, 6, 7))
    assert "takes any noise" in str(error.value.hint)


def test_it_goes_on_from_a_solution() -> None:
    """One start, not annealed: it only gets better."""
    problem, _, _, y = images(2)
    first = solve(problem, y, steps=3)
    further = solve(problem, y, steps=6, start=first)
    assert further.restarts.objective.shape == (2, 1)
    least = first.restarts.objective.nan_to_num(nan=torch.inf).amin(1)
    assert (further.restarts.objective[:, 0] < least).all()
    stays = solve(problem, y, steps=0, finish=0, start=further)
    torch.testing.assert_close((stays.w, stays.x), (further.w, further.x))


def test_a_solution_of_other_kernels_is_restated() -> None:
    """A pipeline's start is given the latents of its own prior of kernels."""
    y = torch.rand(1, 1, 8, 9, generator=torch.Generator().manual_seed(0))
    few = "evidence?starts=4,keep=2,steps=0,finish=0,leaps=0,retries=0,doubt=0"
    lines = invkit.compose("circconv", ["motion?size=5", "spectrum"], few)(y)
    free = invkit.compose("circconv", ["simplex?size=5", "spectrum"], few)(y, start=lines)
    assert free.restarts.objective.shape == (1, 1)
    torch.testing.assert_close(free.w, lines.w, rtol=0, atol=0.02)


def test_a_start_without_a_kernel_is_refused() -> None:
    problem, _, _, y = images(1)
    found = solve(problem, y, steps=0, finish=0)
    with pytest.raises(InputError, match="no w"):
        solve(problem, y, start=attrs.evolve(found, w=None, latents=(None, found.latents[1])))


def test_equal_measurements_give_equal_results_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one chunk or several, after leaps and further searches."""
    monkeypatch.setattr(rounds, "_STRAINED", -1.0)
    monkeypatch.setattr(rounds, "_SURE", 2.0)
    problem, _, _, y = images(2)
    found = solve(problem, y[[0, 1, 0]], leaps=1, retries=1, steps=4, chunk=25, draws=2)
    for name in ("w", "x", "residual", "x_std"):
        rows = getattr(found, name)
        torch.testing.assert_close(rows[2], rows[0], rtol=1e-8, atol=1e-10)
        assert not torch.allclose(rows[0], rows[1])


def test_every_measurement_may_have_a_kernel_of_its_own() -> None:
    problem, w, _, y = images(3)
    own = Problem(problem.operator, (Given(w, each=True), problem.priors[1]))
    together = solve(own, y, chunk=2)
    assert torch.equal(together.w, w)
    for row in range(3):
        one = Problem(problem.operator, (Given(w[row]), problem.priors[1]))
        torch.testing.assert_close(solve(one, y[row : row + 1]).x[0], together.x[row])


def test_fewer_starts_than_schedules() -> None:
    """Three starts are shared among four schedules of the noise, so one schedule has no candidate."""
    y = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    solver = "evidence?starts=3,keep=2x1,steps=2,retries=0,leaps=0,finish=0,anneal=300x30x10x3"
    found = invkit.compose("circconv", ["trajectory", "gaussian:mnist"], solver)(y)
    assert torch.isfinite(found.x).all()
