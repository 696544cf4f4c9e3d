"""Stages in a pipeline: the kernel by `evidence`, the image by `altgd`, however it is written."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Problem, Solution, Status
from invkit.contracts.noise import Gaussian
from invkit.solving import Stage, Stages

KERNELS, IMAGES = "simplex?size=3", "spectrum?shape=1x10x12"
SEARCH = "evidence?starts=6,keep=4x2,steps=6,rank=none,finish=0,leaps=0,retries=0"
DESCENT = "altgd?steps=8"


def measurements() -> Tensor:
    """Two blurred images; the second has ten times the noise."""
    rng = torch.Generator().manual_seed(0)
    kernels, images = invkit.prior(KERNELS), invkit.prior(IMAGES)
    w, x = (prior(prior.sample_latent(2, rng)) for prior in (kernels, images))
    y: Tensor = invkit.operator("circconv")(w, x)
    return y + torch.tensor([0.02, 0.2]).reshape(2, 1, 1, 1) * torch.randn(y.shape, generator=rng)


Y = measurements()


def solve(solver: Any, x: Any = "identity", **options: Any) -> Solution:
    return invkit.compose("circconv", [KERNELS, x], solver)(Y, **options)


@pytest.fixture(scope="module")
def searched() -> Solution:
    """What the first stage finds alone."""
    return solve(SEARCH, IMAGES)


@pytest.fixture(scope="module")
def held() -> Solution:
    """Two stages, the kernel of the first held in the second."""
    return solve([f"{SEARCH} x={IMAGES}", f"{DESCENT} hold=w"])


def test_a_kernel_that_is_held_is_the_one_that_was_found(searched: Solution, held: Solution) -> None:
    """To the bit, and with it what is known of it."""
    assert torch.equal(held.w, searched.w) and torch.equal(held.latents[0], searched.latents[0])
    assert torch.equal(held.confidence, searched.confidence)
    assert torch.equal(held.noise, searched.noise) and held.noise[0] < 0.1 < held.noise[1]
    assert held.status == searched.status
    assert not torch.allclose(held.x, searched.x, atol=1e-4)
    assert held.restarts.residual.shape == (2, 1)  # those of the last stage
    torch.testing.assert_close(held.residual, residual(held))


def residual(solution: Solution) -> Tensor:
    return (Y - invkit.operator("circconv")(solution.w, solution.x)).flatten(1).square().sum(1)


def test_the_next_stage_begins_there_and_knows_the_noise(searched: Solution, held: Solution) -> None:
    """As its solver does with given kernels, that start, and noise that is known."""
    priors = invkit.Given(searched.w, each=True), invkit.prior("identity")
    problem = Problem(invkit.operator("circconv"), priors, noise=Gaussian().known(searched.noise))
    problem = problem.shaped(tuple(Y.shape[1:]))
    latents = Y.new_zeros(2, 0), problem.priors[1].encode(searched.x)
    start = attrs.evolve(searched, latents=latents)
    alone = invkit.solver(DESCENT).solve(problem, Y, torch.Generator(), start=start)
    assert torch.equal(alone.x, held.x)
    assert torch.equal(alone.latents[1], held.latents[1])


def test_doubt_stays_with_a_kernel_that_is_held() -> None:
    """And goes with one that moves on."""
    doubtful = f"{SEARCH},doubt=1 x={IMAGES}"
    assert solve([doubtful, f"{DESCENT} hold=w"]).status == (Status.DOUBTFUL,) * 2
    free = solve([doubtful, DESCENT])
    assert free.status == (Status.MAX_ITER,) * 2 and free.confidence is None and free.noise is not None


@pytest.mark.parametrize("how", ["dicts", "objects", "configuration"])
def test_strings_dicts_objects_and_configurations_are_equal(how: str, held: Solution) -> None:
    if how == "dicts":
        given: Any = [{"solver": SEARCH, "x": IMAGES}, {"solver": {"kind": "altgd", "steps": 8}, "hold": "w"}]
    elif how == "objects":
        search = Stage(invkit.solver(SEARCH), x=invkit.prior(IMAGES))
        given = Stages([search, Stage(invkit.solver(DESCENT), hold="w")])
    else:
        assert held.config is not None
        given = held.config["solver"]
        assert given[1]["hold"] == "w" and given[0]["x"]["kind"] == "spectrum" and "hold" not in given[0]
    assert torch.equal(solve(given).x, held.x)


def test_a_prior_of_the_wrong_role_is_refused_in_a_stage() -> None:
    with pytest.raises(InputError, match="kernel"):
        invkit.compose("circconv", [KERNELS, "identity"], [DESCENT, f"{DESCENT} w=vae:mnist"])
