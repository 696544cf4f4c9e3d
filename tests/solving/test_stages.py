"""Several solvers after one another: what a stage starts from, what it holds, and what it hands on."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, InvkitError, Problem, Solution, Status
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.noise import Gaussian
from invkit.contracts.solver import Solver
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


def test_without_hold_both_signals_move(searched: Solution) -> None:
    free = solve([f"{SEARCH} x={IMAGES}", DESCENT])
    assert not torch.equal(free.w, searched.w)
    torch.testing.assert_close(invkit.prior(KERNELS).shaped(free.w.shape[1:])(free.latents[0]), free.w)


def test_latents_are_those_of_the_pipelines_own_priors(searched: Solution) -> None:
    """Also where the last stage had another prior."""
    found = solve([SEARCH, f"{DESCENT} x=identity hold=w"], IMAGES)
    torch.testing.assert_close(invkit.prior(IMAGES)(found.latents[1]), found.x, rtol=1e-3, atol=1e-3)
    assert torch.equal(found.latents[0], searched.latents[0])


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


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([], "empty"),
        ([f"{DESCENT} hold=w", DESCENT], "first stage holds w"),
        ([DESCENT, {"solver": DESCENT, "hold": "w", "w": KERNELS}], "names a prior of it"),
        ([DESCENT, f"{DESCENT} hold=y"], "hold='y'"),
        ([{"solver": DESCENT, "prior": KERNELS}], "'prior'"),
        ([DESCENT, Stages([Stage(invkit.solver(DESCENT))])], "a list of stages"),
        (["altgd?stps=3", DESCENT], "stps"),
        ([DESCENT, f"{DESCENT} x=idnetity"], "idnetity"),
    ],
)
def test_what_is_no_list_of_stages_is_refused(stages: list[Any], says: str) -> None:
    with pytest.raises(InvkitError, match=says):
        invkit.solver(stages)


def test_a_prior_of_the_wrong_role_is_refused_in_a_stage() -> None:
    with pytest.raises(InputError, match="kernel"):
        invkit.compose("circconv", [KERNELS, "identity"], [DESCENT, f"{DESCENT} w=vae:mnist"])


def test_it_goes_on_from_a_solution(held: Solution) -> None:
    """The first stage begins there."""
    further = solve(["altgd?steps=1,rate=1e-9", f"{DESCENT} hold=w"], start=held)
    torch.testing.assert_close(further.w, held.w, rtol=1e-5, atol=1e-6)
    assert further.restarts.residual.shape == (2, 1)


class Told(Monitor):
    """Keeps what it is told, and interrupts at one step of the solve."""

    def __init__(self, interrupt: int = -1) -> None:
        self.stages: list[str] = []
        self.ended: list[Solution] = []
        self.left = interrupt

    def on_step(self, progress: Progress) -> None:
        self.stages.append(progress.stage)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt

    def on_end(self, solution: Solution) -> None:
        self.ended.append(solution)


def test_monitors_hear_which_stage_it_is(held: Solution) -> None:
    told = Told()
    solve([f"{SEARCH} x={IMAGES}", f"{DESCENT} hold=w"], monitors=[told])
    assert told.stages == ["1/2 search"] * 6 + ["2/2 descent"] * 8
    assert len(told.ended) == 1 and torch.equal(told.ended[0].x, held.x)


@pytest.mark.parametrize(("step", "heard"), [(2, {"1/2 search"}), (9, {"1/2 search", "2/2 descent"})])
def test_ctrl_c_ends_all_stages(step: int, heard: set[str]) -> None:
    told = Told(step)
    found = solve([f"{SEARCH} x={IMAGES}", f"{DESCENT} hold=w"], monitors=[told])
    assert found.status == (Status.INTERRUPTED,) * 2 and set(told.stages) == heard
    assert torch.isfinite(found.x).all() and found.x.shape == Y.shape
    torch.testing.assert_close(found.residual, residual(found))


class Ends(Solver):
    """Ends as it is told."""

    def __init__(self, *status: Status) -> None:
        self.status = status

    def solve(self, *arguments: Any, **options: Any) -> Solution:
        made = invkit.solver("altgd?steps=1,restarts=1").solve(*arguments, **options)
        return attrs.evolve(made, status=self.status)


def test_what_has_diverged_has_diverged() -> None:
    """A later stage makes it no better; one of its own making is told, too."""
    fine, lost = Status.CONVERGED, Status.DIVERGED
    assert solve([Stage(Ends(lost, fine)), Stage(Ends(fine, fine))]).status == (lost, fine)
    assert solve([Stage(Ends(fine, fine)), Stage(Ends(lost, fine))]).status == (lost, fine)
    doubtful = Stage(Ends(Status.DOUBTFUL, Status.DOUBTFUL))
    assert solve([doubtful, Stage(Ends(lost, fine), hold="w")]).status == (lost, Status.DOUBTFUL)
