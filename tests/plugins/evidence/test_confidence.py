"""The signs of doubt against dense references, what they amount to, and what a solution says of itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import InvkitError, Problem, Status
from invkit.contracts.calibration import Calibration
from invkit.contracts.given import Given
from invkit_evidence import winner
from invkit_evidence.chains import POWER, kernels
from invkit_evidence.confidence import FACES, UNCALIBRATED, Signs, disagreement, law_of, signs, solitude
from invkit_evidence.confidence import confidence as by_law
from invkit_evidence.newton import hessian
from invkit_evidence.posterior import Parameters, Posterior
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.evidence.problems import images, solve
from tests.plugins.gaussian.classes import Case, moments_of

finite = st.floats(0, 40)
NAMES = ["disagreement", "solitude", "sensitivity", "misfit", "strain"]
NONE = Signs(0.0, 0.0, 0.0, 0.0, 0.0)


def doubted(case: Case, h: Tensor, noise: float = 0.1) -> Signs:
    """The signs of the first measurement of a case: kernels of a simplex, the winner first, known noise."""
    problem = Problem(case.operator, (invkit.prior("simplex?size=3"), Gaussian(case.moments)))
    problem = problem.shaped(tuple(case.y.shape[1:]))
    objective = Posterior(problem, Gaussian(case.moments).marginal(case.y[:1]), case.y.new_tensor([noise]))
    finalists = Parameters(h, h.new_zeros(len(h), 0), h.new_zeros(len(h), 0))
    everyone = objective.select(torch.zeros(len(h), dtype=torch.long))
    w, x = everyone.mean(finalists)
    residual = float((case.y[:1] - problem.operator(w, x))[0].square().sum())
    rng = torch.Generator().manual_seed(0)
    bent = hessian(objective, finalists.select(torch.tensor([0])))
    with torch.no_grad():
        value = everyone(finalists)
    near = kernels(objective, finalists, value, bent, count=16, rng=rng)
    alike = torch.zeros_like(value)  # as probable as the winner
    return signs(objective, objective, finalists, alike, near, residual, case.y[0].numel(), 7.5, rng)


def confidence(found: Signs) -> float:
    """By the law of faces."""
    return by_law(FACES, attrs.asdict(found))


def latents(n: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return invkit.prior("simplex?size=3").sample_latent(n, rng, dtype=torch.float64)


@settings(max_examples=8)
@given(seed=st.integers(0, 50), noise=st.floats(0.05, 0.5))
def test_the_residuals_expectation_is_the_trace_written_out(seed: int, noise: float) -> None:
    """A measurement of whose residual exactly so much is expected has no misfit: ``σ⁴ tr C⁻¹``."""
    case = Case.draw(moments_of("joint", 1, (4, 5), 3, seed=seed), "circconv", n=1, seed=seed)
    h = latents(1, seed)
    found = doubted(case, h, noise=noise)
    w = invkit.prior("simplex?size=3")(h)
    a, _, sigma = attrs.evolve(case, w=w).written_out()
    covariance = a[0] @ sigma[0] @ a[0].T + noise**2 * torch.eye(20, dtype=torch.float64)
    d = case.y.flatten() - a[0] @ case.moments.mean.flatten()
    whitened = torch.linalg.solve(covariance, d)
    expected = torch.linalg.inv(covariance).trace()
    ratio = float(whitened.square().sum() / expected)
    assert found.misfit == pytest.approx(math.log(ratio) / math.sqrt(2 / 20), rel=1e-6, abs=1e-6)


def test_searches_that_agree_do_not_disagree_and_the_further_the_more() -> None:
    case = Case.draw(moments_of("joint", 1, (6, 7), 4), "circconv", n=1)
    first, other = latents(2)
    at = [doubted(case, torch.stack([first, first + far * (other - first)])) for far in (0, 0.01, 0.03, 0.1)]
    distances = [each.disagreement for each in at]
    assert distances[0] == 0 == doubted(case, first[None]).disagreement
    assert distances == sorted(distances) and distances[-1] > distances[0]
    assert len({each.misfit for each in at}) == 1  # which is the winner's alone
    assert {each.strain for each in at} == {7.5}


def test_a_kernel_that_no_other_search_has_found_is_alone() -> None:
    w = torch.zeros(4, 1, 28, 28)
    w[0, 0, 14, 6:22] = w[1, 0, 14, 6:22] = 1
    w[2, 0, 6:22, 14], w[3, 0, 10:18, 14] = 1, 1
    assert solitude(w) == pytest.approx(2 / 3)
    assert solitude(w[:2]) == 0 == solitude(w[:1])
    assert solitude(w[1:]) == 1


def test_the_disagreement_is_against_the_error_that_the_posterior_expects() -> None:
    case = Case.draw(moments_of("joint", 1, (5, 6), 4), "circconv", n=1)
    h = latents(3)
    problem = Problem(case.operator, (invkit.prior("simplex?size=3"), Gaussian(case.moments)))
    objective = Posterior(
        problem.shaped((1, 5, 6)), Gaussian(case.moments).marginal(case.y), case.y.new_tensor([0.1])
    )
    value = torch.tensor([40.0, 41.0, 43.0], dtype=h.dtype)
    share = (-POWER * value).softmax(0).tolist()

    def of(latents: Tensor, value: Tensor) -> float:
        own = Parameters(latents, latents.new_zeros(3, 0), latents.new_zeros(3, 0))
        return disagreement(objective, own, value, torch.Generator().manual_seed(0))

    found = of(h, value)
    posteriors = [
        attrs.evolve(case, w=invkit.prior("simplex?size=3")(each[None]), variance=h.new_tensor([0.01]))
        for each in h
    ]
    images = [each.posterior()[0] for each in posteriors]
    apart = sum(
        each * float((image - images[0]).square().sum()) for each, image in zip(share, images, strict=True)
    )
    expected = float(posteriors[0].posterior()[1][0].trace())
    # the expected error is of four draws
    assert 10 ** (found / 10) - 1 == pytest.approx(apart / expected, rel=0.6)
    assert 0 < of(h, value + torch.tensor([0, 200, 200])) < 0.01 * found  # far less probable: no matter


def test_a_measurement_that_hardly_depends_on_the_kernel_is_not_sensitive() -> None:
    """With noise that drowns it, nothing can be told of the kernel, but little of the image hangs on it."""
    case = Case.draw(moments_of("joint", 1, (6, 7), 4), "circconv", n=1)
    assert doubted(case, latents(1), noise=50.0).sensitivity < 0.01
    assert doubted(case, latents(1), noise=0.3).sensitivity > 0.01


@given(a=st.builds(Signs, finite, st.floats(0, 1), finite, finite, finite), more=st.floats(0.01, 10))
def test_every_sign_lowers_the_confidence(a: Signs, more: float) -> None:
    assert 0 <= confidence(a) <= 1
    for name in NAMES:
        assert confidence(attrs.evolve(a, **{name: getattr(a, name) + more})) <= confidence(a)


def test_no_misfit_decides_alone() -> None:
    """The largest takes most of the confidence, not all; one below 0 gives none."""
    assert 0.2 < confidence(Signs(0.0, 0.0, 0.01, 1e6, 70.0)) < 0.8
    assert confidence(Signs(15.0, 0.0, 10.0, -1e6, 70.0)) == confidence(Signs(15.0, 0.0, 10.0, 0.0, 70.0))


def test_searches_apart_and_kernels_that_cannot_be_told_decide_together() -> None:
    """Whatever the strain, of which a prior that leaves the kernel free has none."""
    assert confidence(Signs(14.0, 0.0, 2.0, 0.0, 20.0)) > 0.95 < confidence(Signs(2.0, 0.0, 14.0, 0.0, 20.0))
    assert 0.45 < confidence(Signs(14.0, 0.0, 14.0, 0.0, 20.0)) <= 0.5


@pytest.mark.parametrize("name", [name for name in NAMES if name != "solitude"])  # a share always is one
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_gives_no_confidence(name: str, value: float) -> None:
    assert confidence(attrs.evolve(NONE, **{name: value})) == 0


def test_the_status_follows_from_the_confidence() -> None:
    problem, _, _, y = images(3)
    found = solve(problem, y, doubt=0.5)
    assert found.confidence.shape == (3,) and ((found.confidence >= 0) & (found.confidence <= 1)).all()
    least = float(found.confidence.median())
    once_more = solve(problem, y, doubt=least)
    torch.testing.assert_close(once_more.confidence, found.confidence)
    expected = [Status.DOUBTFUL if sure < least else Status.MAX_ITER for sure in found.confidence.tolist()]
    assert list(once_more.status) == expected and set(expected) == {Status.DOUBTFUL, Status.MAX_ITER}
    winners = [row[at] for row, at in zip(once_more.restarts.status, once_more.restarts.winner, strict=True)]
    assert winners == [Status.MAX_ITER] * 3


def test_without_doubt_nobody_asks() -> None:
    problem, _, _, y = images(2)
    found = solve(problem, y)
    assert found.confidence is None and found.status == (Status.MAX_ITER,) * 2
    assert "confidence" not in found.summary()


@pytest.mark.parametrize("noise", [0.05, None])
def test_a_kernel_that_is_known_is_not_doubted(noise: float | None) -> None:
    problem, w, x, _ = images(3)
    blurred = problem.operator(w[:1].expand_as(w), x)
    y = blurred + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    given = Problem(problem.operator, (Given(w[0]), problem.priors[1]))
    found = solve(given, y, noise=noise, doubt=0.95)
    assert (found.confidence > 0.9).all()
    assert found.status == (Status.MAX_ITER,) * 3


def test_neighbours_and_chunks_change_no_confidence() -> None:
    problem, _, _, y = images(3)
    whole, parts = solve(problem, y, doubt=0.95), solve(problem, y, doubt=0.95, chunk=25)
    torch.testing.assert_close(whole.confidence, parts.confidence, rtol=1e-5, atol=1e-6)
    last = solve(problem, y[2:], doubt=0.95)
    torch.testing.assert_close(whole.confidence[2:], last.confidence, rtol=1e-5, atol=1e-6)


def test_ctrl_c_while_doubting_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _, _, y = images(3)
    asked = iter([NONE])

    def impatient(*_: object) -> Signs:
        try:
            return next(asked)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(winner, "signs", impatient)
    found = solve(problem, y, doubt=0.95)
    assert found.status == (Status.INTERRUPTED,) * 3
    assert found.confidence.isnan().tolist() == [False, True, True]
    assert found.summary()["confidence"][1:] == [None, None]


def test_the_confidence_is_saved(tmp_path: Path) -> None:
    y = np.random.default_rng(0).random((8, 9))
    deblur = invkit.compose("circconv", ["simplex?size=3", "spectrum"], "evidence?starts=4,steps=2")
    found = deblur(y)
    found.save(tmp_path)
    saved = json.loads((tmp_path / "solution.json").read_text())
    assert saved["confidence"] == found.confidence.tolist()


@pytest.mark.parametrize("doubt", ["-0.1", "1.1"])
def test_no_probability_is_refused(doubt: str) -> None:
    with pytest.raises(InvkitError, match="doubt"):
        invkit.solver(f"evidence?doubt={doubt}")


def test_a_prior_with_a_law_of_its_own_is_judged_by_it() -> None:
    """The same signs, other constants; and its own limit of what is doubtful."""
    problem, _, _, y = images(2)
    default = solve(problem, y, doubt=None)
    names = {name: 0.0 for name in NAMES}
    for constant, status in ((-3.0, Status.MAX_ITER), (3.0, Status.DOUBTFUL)):
        problem.priors[1].calibration = Calibration(constant, names, doubt=0.5)
        found = solve(problem, y, doubt=None)
        assert found.confidence.tolist() == pytest.approx([1 / (1 + math.exp(constant))] * 2)
        assert found.status == (status,) * 2
        assert set(found.notes[0]) == set(NAMES)
        assert [{**each, "remark": UNCALIBRATED} for each in found.notes] == list(default.notes)


def test_a_law_that_is_not_the_priors_own_is_said() -> None:
    """Without a law of its own a prior is judged by that of faces, and every result says so."""
    problem, _, _, y = images(2)
    assert "faces" in UNCALIBRATED and "invkit calibrate" in UNCALIBRATED
    found = solve(problem, y, doubt=0.7)
    for sure, notes in zip(found.confidence.tolist(), found.notes, strict=True):
        assert notes["remark"] == UNCALIBRATED
        assert sure == pytest.approx(by_law(FACES, {name: notes[name] for name in NAMES}))
    assert solve(problem, y, doubt=0).notes is None


def test_the_law_of_faces_is_that_of_their_prior() -> None:
    """So nothing is remarked on; other priors without a law of their own have it with a remark."""
    assert law_of(invkit.prior("gaussian:celeba")) == (FACES, {})
    assert law_of(invkit.prior("gaussian:svhn"))[0].figures["data"].startswith("svhn-houses")
    for other in ("gaussian:housenumbers", "bounded:gaussian:objects", "patches:gaussian:svhn", "spectrum"):
        assert law_of(invkit.prior(other)) == (FACES, {"remark": UNCALIBRATED})


def test_the_solver_names_its_signs() -> None:
    solver = invkit.solver("evidence")
    told = {"disagreement": 1.0, "solitude": 0.5, "sensitivity": 2.0, "misfit": -0.5, "strain": 90.0}
    logarithms = {"disagreement": math.log(1.05), "sensitivity": math.log(2.05), "strain": math.log(100)}
    assert solver.signs(told) == pytest.approx({**logarithms, "solitude": 0.5, "misfit": 0.0})
    assert solver.signs({}) is None and invkit.solver("altgd").signs(told) is None
