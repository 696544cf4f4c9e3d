"""``start=evidence``: the search that integrates x out gives the start, and w stays there unless told.

By default it is taken where the prior of x knows a prior to integrate out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import invkit
from invkit.contracts.solution import Status
from invkit.errors import InputError, InvkitError, ShapeError


def _measured(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    kernels, images = invkit.prior("motion?size=7"), invkit.prior("spectrum?shape=1x16x16")
    w = kernels(kernels.sample_latent(2, rng))
    x = images(images.sample_latent(2, rng))
    y = invkit.operator("circconv")(w, x)
    return w, x, y + 0.005 * torch.randn(y.shape, generator=rng)


def test_without_a_step_it_is_what_the_search_found() -> None:
    _, _, y = _measured()
    priors = ["motion?size=7", "spectrum"]
    found = invkit.compose("circconv", priors, "evidence")(y)
    # one step, held: only x's latent moves, and by no more than the rate
    started = invkit.compose("circconv", priors, "altgd?start=evidence,hold=w,steps=1,rate=1e-9")(y)
    assert torch.equal(started.latents[0], found.latents[0])
    assert torch.allclose(started.x, found.x, atol=1e-5)
    assert started.restarts.residual.shape == (2, 1)


def test_held_w_stays_and_the_objective_falls() -> None:
    _, _, y = _measured(1)
    priors = ["motion?size=7", "identity?penalty=tv"]
    solver = "altgd?start=evidence,class_prior=spectrum,hold=w,lam=1e-4,gamma=1e-3,steps={}"
    one = invkit.compose("circconv", priors, solver.format(1))(y)
    many = invkit.compose("circconv", priors, solver.format(60))(y)
    assert torch.equal(one.w, many.w)
    assert (many.restarts.objective < one.restarts.objective).all()


def test_without_hold_both_move() -> None:
    _, _, y = _measured(2)
    solver = "altgd?start=evidence,class_prior=spectrum,lam=1e-4,gamma=1e-3,steps=20,hold={}"
    held = invkit.compose("circconv", ["motion?size=7", "identity"], solver.format("w"))(y)
    free = invkit.compose("circconv", ["motion?size=7", "identity"], solver.format("nothing"))(y)
    assert not torch.equal(held.latents[0], free.latents[0])


def test_a_prior_without_an_encoder_starts_at_the_closest_image() -> None:
    _, _, y = _measured(3)

    class Scaled(type(invkit.prior("identity?shape=1x16x16"))):  # type: ignore[misc]
        can_encode = False

    scaled = Scaled(shape=(1, 16, 16))
    solver = invkit.solver("altgd?start=evidence,class_prior=spectrum,hold=w,steps=1,rate=1e-9")
    found = invkit.compose("circconv", ["motion?size=7", "spectrum"], "evidence")(y)
    started = invkit.compose("circconv", [invkit.prior("motion?size=7"), scaled], solver)(y)
    assert (started.x - found.x).square().mean() < 1e-4


def test_it_needs_a_prior_that_can_be_integrated_out() -> None:
    _, _, y = _measured()
    with pytest.raises(InputError, match="class_prior"):
        invkit.compose("circconv", ["motion?size=7", "identity"], "altgd?start=evidence")(y)
    with pytest.raises(InputError, match="class_prior"):
        solver = "altgd?start=evidence,class_prior=identity"
        invkit.compose("circconv", ["motion?size=7", "identity"], solver)(y)
    with pytest.raises(ShapeError):
        other = attrs.evolve(invkit.solver("altgd?start=evidence"), class_prior="spectrum?shape=1x8x8")
        invkit.compose("circconv", ["motion?size=7", "identity"], other)(y)


def test_nothing_is_annealed_from_there_unless_asked() -> None:
    assert invkit.solver("altgd?start=evidence").anneal == 1
    assert invkit.solver("altgd?start=evidence,anneal=10").anneal == 10
    assert invkit.solver("altgd").anneal > 1


class Knowing(type(invkit.prior("identity?shape=1x16x16"))):  # type: ignore[misc]
    """Any image, and the name of a prior of its class."""

    class_prior = "spectrum"


def test_by_default_it_is_taken_where_a_prior_knows_one_of_its_class() -> None:
    _, _, y = _measured(5)
    priors = [invkit.prior("motion?size=7"), Knowing(shape=(1, 16, 16))]
    found = invkit.compose("circconv", ["motion?size=7", "spectrum"], "evidence")(y)
    started = invkit.compose("circconv", priors, "altgd?steps=3")(y)
    assert torch.equal(started.latents[0], found.latents[0])
    drawn = invkit.compose("circconv", priors, "altgd?steps=3,start=encoder")(y)
    assert drawn.restarts.residual.shape[1] > 1
    both = invkit.compose("circconv", priors, "altgd?steps=3,hold=nothing")(y)
    assert not torch.equal(both.latents[0], found.latents[0])


def test_the_search_may_be_another_or_a_longer_one() -> None:
    _, _, y = _measured(8)
    priors, short = ["motion?size=7", "spectrum"], "evidence?starts=5,steps=2"
    found = invkit.compose("circconv", priors, short)(y)
    solver = {"kind": "altgd", "start": "evidence", "search": short, "steps": 1}
    started = invkit.compose("circconv", priors, solver)(y)
    assert torch.equal(started.latents[0], found.latents[0])
    with pytest.raises(InvkitError, match="evidense"):
        invkit.compose("circconv", priors, "altgd?start=evidence,search=evidense")(y)


def _noisy() -> tuple[torch.Tensor, torch.Tensor]:
    """Two images, the second with twenty times the noise of the first."""
    w, x, _ = _measured(9)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(9))
    return x, invkit.operator("circconv")(w, x) + torch.tensor([0.005, 0.1]).reshape(2, 1, 1, 1) * noise


def test_penalties_weigh_at_least_as_much_as_the_noise_that_was_found() -> None:
    """Each measurement's its own, whoever stands beside it; less noise than they weigh changes nothing."""
    _, y = _noisy()
    priors = [invkit.prior("motion?size=7"), Knowing(shape=(1, 16, 16))]
    solver = "altgd?steps=40,anneal=1{}"
    both = invkit.compose("circconv", priors, solver.format(""))(y)
    quiet, loud = both.noise.tolist()
    assert quiet < 0.01 < 0.05 < loud
    chunked = invkit.compose("circconv", priors, solver.format(",chunk=1"))(y)
    torch.testing.assert_close(chunked.x, both.x, rtol=1e-4, atol=1e-5)
    for row, sigma in enumerate((quiet, loud)):
        least = max(1e-4, sigma**2 - 1e-4), max(1e-5, sigma**2 - 1e-4)
        told = f",own_weights=false,lam={least[0]!r},gamma={least[1]!r}"
        same = invkit.compose("circconv", priors, solver.format(told))(y)
        torch.testing.assert_close(same.x[row], both.x[row], rtol=1e-4, atol=1e-5)
    given = invkit.compose("circconv", priors, solver.format(",gamma=1e-5"))(y)
    assert not torch.allclose(given.x[1], both.x[1], atol=1e-3)  # a weight that is given is kept


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
def test_a_search_that_lost_the_noise_leaves_the_weights_alone(
    lost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, y = _noisy()
    priors = [invkit.prior("motion?size=7"), Knowing(shape=(1, 16, 16))]
    solver = "altgd?steps=5,anneal=1"
    evidence = type(invkit.solver("evidence"))
    solve = evidence.solve

    def forgetful(*args: Any, **options: Any) -> Any:
        found = solve(*args, **options)
        return attrs.evolve(found, noise=torch.full_like(found.noise, lost))

    monkeypatch.setattr(evidence, "solve", forgetful)
    found = invkit.compose("circconv", priors, solver)(y)
    same = invkit.compose("circconv", priors, f"{solver},own_weights=false")(y)
    torch.testing.assert_close(found.x, same.x, rtol=1e-4, atol=1e-5)


def test_a_noisy_image_is_not_fitted_to_its_noise() -> None:
    """Where weights do not follow the noise, free pixels do: by the default they may not."""
    x, y = _noisy()
    priors = [invkit.prior("motion?size=7"), Knowing(shape=(1, 16, 16), penalty="l2")]
    by_default, light = (
        invkit.compose("circconv", priors, f"altgd?anneal=1{options}")(y).x
        for options in ("", ",lam=1e-4,gamma=1e-5")
    )
    closer, farther = (invkit.metrics.psnr(each, x)[1] for each in (by_default, light))
    assert closer > farther + 2


@pytest.mark.parametrize(
    ("operator", "kernel"), [("linconv", "motion?size=7"), ("circconv", "known:{}")], ids=["dense", "known"]
)
def test_by_default_it_is_left_where_it_is_dear_or_needless(
    operator: str, kernel: str, tmp_path: Path
) -> None:
    w, x, y = _measured(6)
    np.save(tmp_path / "w.npy", w[0].numpy())
    if operator != "circconv":
        y = invkit.operator(operator)(w, x)
    priors = [invkit.prior(kernel.format(tmp_path / "w.npy")), Knowing(shape=(1, 16, 16))]
    default, encoded = (
        invkit.compose(operator, priors, f"altgd?steps=3{start}")(y) for start in ("", ",start=encoder")
    )
    assert torch.equal(default.x, encoded.x)


def test_an_interrupted_search_is_an_interrupted_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while w is searched: no descent follows, and what was found so far comes back."""
    _, _, y = _measured(7)
    evidence = type(invkit.solver("evidence"))
    solve = evidence.solve

    def interrupted(*args: Any, **options: Any) -> invkit.Solution:
        found = solve(*args, **options)
        return attrs.evolve(found, status=(Status.INTERRUPTED,) * len(found.status))

    monkeypatch.setattr(evidence, "solve", interrupted)
    solution = invkit.compose("circconv", ["motion?size=7", "spectrum"], "altgd?start=evidence")(y)
    assert solution.status == (Status.INTERRUPTED,) * 2
    assert solution.history_steps == ()


def test_a_kernel_that_is_held_is_as_sure_as_the_search_was() -> None:
    _, _, y = _measured(4)
    priors = ["motion?size=7", "spectrum"]
    sure = invkit.compose("circconv", priors, "evidence")(y)
    solver = "altgd?start=evidence,steps=2,hold={},search=evidence?doubt={}"
    held = invkit.compose("circconv", priors, solver.format("w", 0.9))(y)
    assert torch.equal(held.confidence, sure.confidence) and held.status == sure.status
    doubtful = invkit.compose("circconv", priors, solver.format("w", 1))(y)
    assert doubtful.status == (Status.DOUBTFUL,) * 2
    assert invkit.compose("circconv", priors, solver.format("nothing", 0.9))(y).confidence is None
    assert invkit.compose("circconv", priors, solver.format("w", 0))(y).confidence is None
