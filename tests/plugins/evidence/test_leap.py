"""Kernels let free of their prior, and brought back to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import invkit
from invkit import Problem, Status
from invkit.contracts.given import Given
from invkit.metrics import kernel_ncc, psnr
from invkit_evidence import leap, rounds, winner
from invkit_evidence.leap import fitted, freed
from invkit_evidence.posterior import Parameters, Posterior
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.evidence.problems import SIZE, candidates, images, normal, parabola, solve
from tests.plugins.gaussian.classes import moments_of


@given(seed=st.integers(0, 100))
def test_what_is_freed_is_no_worse_and_of_the_same_size_and_signs(seed: int) -> None:
    start = candidates(normal(4, SIZE, seed=seed))
    objective = parabola(normal(4, SIZE, seed=seed + 1))
    w, strain = freed(objective, start)
    assert (strain >= 0).all() and w.shape == start.h.shape
    torch.testing.assert_close(w.abs().sum(2), start.h.abs().sum(2))
    assert (w * start.h >= 0).all()
    before, after = (objective(candidates(each)) for each in (start.h, w))
    torch.testing.assert_close(before - after, strain)


def test_the_strain_is_what_a_free_kernel_gains() -> None:
    """Towards a target of the same sum all of it, at the target nothing."""
    targets, start = normal(5, SIZE, seed=1).exp(), normal(5, SIZE, seed=2).exp()
    start *= targets.sum(1, keepdim=True) / start.sum(1, keepdim=True)
    objective = parabola(targets)
    w, strain = freed(objective, candidates(start))
    gain = objective(candidates(start)) - objective(candidates(targets))
    torch.testing.assert_close(strain, gain, rtol=0.02, atol=0.02)
    torch.testing.assert_close(w[:, 0], targets, rtol=0.1, atol=0.1)
    assert (freed(objective, candidates(targets))[1] < 1e-9).all()


def test_candidates_are_freed_alone_as_among_others() -> None:
    objective, start = parabola(normal(3, SIZE, seed=3)), candidates(normal(3, SIZE, seed=4))
    together = freed(objective, start)
    for row in range(3):
        only = torch.tensor([row])
        alone = freed(objective.select(only), start.select(only))
        torch.testing.assert_close([each[0] for each in alone], [each[row] for each in together])


def test_what_is_not_a_number_is_not_strained() -> None:
    start = candidates(normal(2, SIZE, seed=5))
    w, strain = freed(parabola(normal(2, SIZE, seed=6), edge=-10.0), start)
    assert torch.equal(w, start.h) and (strain.isnan() | (strain == 0)).all()


def test_a_known_kernel_is_not_strained() -> None:
    problem, w, _, y = images(1)
    given_w = Problem(problem.operator, (Given(w[0]), problem.priors[1])).shaped(tuple(y.shape[1:]))
    objective = Posterior(given_w, problem.priors[1].marginal(y), y.new_full((1,), 0.05))  # type: ignore[attr-defined]
    same, strain = freed(objective, Parameters(y.new_zeros(1, 0), y.new_zeros(1, 0), y.new_zeros(1, 0)))
    assert torch.equal(same, w) and strain.tolist() == [0]


@pytest.mark.parametrize("spec", ["motion?size=9", "trajectory?size=9,longest=8", "simplex?size=4"])
@settings(max_examples=4)
@given(seed=st.integers(0, 20))
def test_a_kernel_of_the_prior_is_fitted_from_beside_it(spec: str, seed: int) -> None:
    prior = invkit.prior(spec)
    h = prior.sample_latent(1, torch.Generator().manual_seed(seed), dtype=torch.float64)
    starts = h + 0.2 * normal(8, *h.shape[1:], seed=seed)
    w = prior(h)
    found, apart = fitted(prior, w, starts)
    torch.testing.assert_close(apart, (prior(found) - w).flatten(1).square().sum(1) / w.square().sum())
    assert apart.min() < 0.02
    before = (prior(starts) - w).flatten(1).square().sum(1) / w.square().sum()
    assert apart.min() < max(1e-3, float(before.min()))


def wrong(seed: int) -> tuple[Posterior, Parameters, torch.Tensor]:
    """An image blurred by a trajectory, and the candidate where a descent from a draw nearby has ended."""
    prior, image = (
        invkit.prior("trajectory?size=9,longest=8,shortest=4"),
        Gaussian(moments_of("joint", 3, (16, 16), 6)),
    )
    problem = Problem(invkit.operator("circconv"), (prior, image)).shaped((3, 16, 16))
    rng = torch.Generator().manual_seed(seed)
    h, other = prior.sample_latent(2, rng, dtype=torch.float64).split(1)
    x = image(image.sample_latent(1, rng, dtype=torch.float64))
    w = prior(h)
    y = problem.operator(w, x) + 0.01 * normal(1, 3, 16, 16, seed=seed)
    objective = Posterior(problem, problem.priors[1].marginal(y), y.new_full((1,), 0.01))  # type: ignore[attr-defined]
    return objective, Parameters(other, y.new_zeros(1, 0), y.new_zeros(1, 0)), w


def test_a_leap_lands_nearer_to_the_truth() -> None:
    nearer = []
    for seed in range(3):
        objective, start, w = wrong(seed)
        free, strain = freed(objective, start)
        assert strain > 100
        found = leap.leap(objective, objective, start, free, torch.Generator().manual_seed(0))
        best = found.candidates.select(found.winners())
        assert found.value.min() < objective(start)
        torch.testing.assert_close(objective(best), found.value[found.winners()])
        prior = objective.problem.priors[0]
        nearer.append(bool(kernel_ncc(prior(best.h), w) > kernel_ncc(prior(start.h), w)))
    assert sum(nearer) >= 2


def test_a_face_that_a_short_search_misses_is_found(data_folder: Path) -> None:
    """One whose kernel a search of few starts ends beside."""
    if not (data_folder / "celeba").is_dir():
        pytest.skip(f"no celeba in {data_folder}")
    problem = Problem(
        invkit.operator("circconv"), (invkit.prior("trajectory"), invkit.prior("gaussian:celeba"))
    )
    faces, kernels = invkit.dataset("celeba"), invkit.dataset("shake")
    order = torch.randperm(faces.splits["validation"], generator=torch.Generator().manual_seed(99))
    x, w = faces.take(order[30:31], "validation"), kernels.take(torch.tensor([221]), "validation")
    y = problem.operator(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(10_030))
    without, leapt = (
        invkit.solver(f"evidence?starts=24,keep=8x4x2,steps=60,retries=0,leaps={leaps}").solve(
            problem, y, torch.Generator().manual_seed(30)
        )
        for leaps in (0, 1)
    )
    assert float(psnr(leapt.x, x) - psnr(without.x, x)) > 3
    assert leapt.confidence > without.confidence


def test_strained_winners_leap_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_STRAINED", -1.0)
    none, leapt = (solve(problem, y, leaps=leaps, steps=2, finish=0) for leaps in (0, 2))
    assert none.restarts.winner == leapt.restarts.winner
    least = [each.restarts.objective.nan_to_num(nan=torch.inf).amin(1) for each in (none, leapt)]
    assert (least[1] < least[0]).all()
    assert (leapt.residual <= none.residual).any() and not torch.equal(leapt.w, none.w)
    monkeypatch.setattr(rounds, "_STRAINED", torch.inf)
    calm = solve(problem, y, leaps=2, steps=2, finish=0)
    assert torch.equal(calm.x, none.x)


def test_a_measurement_alone_leaps_as_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_STRAINED", -1.0)
    together, first = (solve(problem, some, leaps=2, steps=2) for some in (y, y[:1]))
    torch.testing.assert_close(first.x, together.x[:1], rtol=1e-8, atol=1e-8)


def test_ctrl_c_while_leaping_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(2)
    monkeypatch.setattr(rounds, "_STRAINED", -1.0)

    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    before = solve(problem, y, leaps=0, finish=0)
    monkeypatch.setattr(winner, "leap", impatient)
    found = solve(problem, y, leaps=1)
    assert found.status == (Status.INTERRUPTED,) * 2
    torch.testing.assert_close(found.x, before.x)
