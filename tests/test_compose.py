"""Composing by name and running in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Monitor, Pipeline, Progress, ShapeError, Solution, Solver
from invkit.contracts.problem import Problem
from invkit.files.images import write_image
from invkit.plugin.building import spec_of
from invkit.plugin.loading import default_manager
from invkit.solving import Stage
from invkit_altgd.altgd import AltGD
from tests.composing import PRIORS, SOLVER, measurements, pipeline
from tests.contracts.test_roles import ROLES


def test_strings_tables_and_objects_give_the_same_numbers() -> None:
    y = measurements(2, 1, 8, 8)
    by_string = pipeline()
    tables: list[Any] = [{"kind": "identity", "shape": [1, 3, 3]}, {"kind": "identity", "penalty": "tv"}]
    by_table = pipeline(
        {"kind": "circconv"},
        tables,
        {"kind": "altgd", "steps": 6, "restarts": 3, "keep": [3], "start": "random"},
    )
    parts = by_string.operator, list(by_string.priors), by_string.solver
    by_object = pipeline(*parts)
    expected = by_string(y)
    for other in (by_table(y), by_object(y)):
        assert torch.equal(other.x, expected.x) and torch.equal(other.w, expected.w)
        assert torch.equal(other.residual, expected.residual)
        assert other.config == expected.config


def test_it_holds_what_it_was_composed_of() -> None:
    composed = pipeline(seed=7)
    assert spec_of(composed.operator) == spec_of(invkit.operator("circconv"))
    assert [prior.signal_shape for prior in composed.priors] == [(1, 3, 3), None]
    assert isinstance(composed.solver, Solver) and composed.seed == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        composed.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize("priors", [[], ["identity"], ["identity"] * 3, "identity", None])
def test_it_takes_exactly_two_priors(priors: Any) -> None:
    with pytest.raises(InputError, match="exactly two priors"):
        pipeline(priors=priors)


def test_the_priors_may_be_named() -> None:
    y = measurements(1, 1, 8, 8)
    by_name = invkit.compose("circconv", w=PRIORS[0], x=PRIORS[1], solver=SOLVER)
    assert by_name.to_config() == pipeline().to_config()
    assert torch.equal(by_name(y).x, pipeline()(y).x)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"w": "identity"}, "that of x is missing"),
        ({"x": "identity"}, "that of w is missing"),
        ({}, "that of w and x is missing"),
        ({"priors": PRIORS, "x": "identity"}, "priors and w or x as well"),
    ],
)
def test_priors_in_two_ways_or_half_of_them_are_refused(given: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        invkit.compose("circconv", solver=SOLVER, **given)


def test_a_solver_is_needed() -> None:
    with pytest.raises(InputError, match="needs a solver"):
        invkit.compose("circconv", PRIORS)


@pytest.mark.parametrize("seed", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)], ids=repr)
def test_a_seed_is_a_whole_number_of_any_kind(seed: Any) -> None:
    composed = pipeline(seed=seed)
    assert type(composed.seed) is int and composed.to_config()["seed"] == 3
    y = measurements(1, 1, 8, 8)
    assert torch.equal(composed(y).x, pipeline(seed=3)(y).x)
    near = invkit.project("identity", y, steps=1, seed=seed)
    assert torch.equal(near.latent, invkit.project("identity", y, steps=1, seed=3).latent)


@pytest.mark.parametrize("seed", [None, True, np.True_, 1.0, "0", -1, 2**63, [3], np.array([3])], ids=repr)
def test_any_other_seed_is_refused(seed: Any) -> None:
    composed = pipeline()
    for refuses in (
        lambda: pipeline(seed=seed),
        lambda: Pipeline(composed.operator, composed.priors, composed.solver, seed),
        lambda: attrs.evolve(composed, seed=seed),
        lambda: invkit.project("identity", measurements(8, 8), seed=seed),
    ):
        with pytest.raises(InputError, match=r"the seed is .*whole number from 0 to 2\*\*63 - 1"):
            refuses()


def test_the_seed_decides() -> None:
    y = measurements(1, 1, 8, 8)
    first, again, other = (pipeline(seed=seed)(y) for seed in (1, 1, 2))
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


def test_calls_do_not_depend_on_each_other() -> None:
    composed, y = pipeline(), measurements(1, 1, 8, 8)
    first = composed(y)
    composed(measurements(3, 3, 6, 7, seed=1))  # the identity prior takes another shape, for that call alone
    assert torch.equal(first.x, composed(y).x)
    assert composed.priors[1].signal_shape is None


def test_the_measurement_is_left_as_it_is() -> None:
    y = measurements(1, 1, 8, 8).requires_grad_()
    kept = y.detach().clone()
    solution = pipeline()(y)
    assert torch.equal(y.detach(), kept) and y.grad is None
    assert not solution.x.requires_grad


@attrs.define
class Heard(Monitor):
    """Counts what it is told."""

    steps: int = 0
    ended: int = 0

    def on_step(self, progress: Progress) -> None:
        self.steps += 1

    def on_end(self, solution: Solution) -> None:
        self.ended += 1


def test_monitors_of_the_pipeline_and_of_the_call_are_told() -> None:
    always, once = Heard(), Heard()
    composed = pipeline(monitors=[always])
    composed(measurements(8, 8), monitors=[once])
    composed(measurements(8, 8))
    assert (always.steps, always.ended, once.steps, once.ended) == (12, 2, 6, 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("history", r"give a list: monitors=\['history'\]"),
        ({"kind": "history"}, r"give a list: monitors=\[\{'kind': 'history'\}\]"),
        (Heard(), r"no list, but of type Heard; give a list: monitors=\['progress'\]"),
        (3, "no list, but of type int"),
    ],
)
def test_monitors_are_a_list(given: Any, says: str) -> None:
    for call in (
        lambda: pipeline(monitors=given),
        lambda: pipeline()(measurements(1, 6, 6), monitors=given),
        lambda: invkit.method("digits", monitors=given),
    ):
        with pytest.raises(InputError, match=says):
            call()


def test_a_pipeline_on_a_device_is_the_same_pipeline(folder: Path) -> None:
    """What a GPU finds is in tests/test_accelerator.py."""
    here = pipeline(priors=["identity?shape=1x3x3", "spectrum?shape=1x6x6"])
    there, y = here.to("cpu"), measurements(1, 6, 6)
    assert torch.equal(there(y).x, here(y).x) and there.to_config() == here.to_config()
    assert there.device == torch.device("cpu") and there.priors[1] is not here.priors[1]
    with pytest.raises(InputError, match=r"there is no device 'abacus' here; choose of cpu"):
        here.to("abacus")
    write_image(folder / "a.png", measurements(1, 6, 6))
    with pytest.raises(InputError, match="no device 'abacus'"):
        invkit.map(here, "a.png", "out", device="abacus")
    assert not (folder / "out").exists()


# Priors whose shape follows


@pytest.mark.parametrize(
    ("operator", "priors", "y_shape", "w_shape", "x_shape"),
    [
        ("circconv", ["known:kernel.npy", "identity?penalty=tv"], (1, 8, 8), (1, 3, 3), (1, 8, 8)),
        ("circconv", ["known:kernel.npy", "wavelet:haar?level=2"], (3, 8, 8), (1, 3, 3), (3, 8, 8)),
        ("circconv", ["known:kernel.npy?normalise=sum", "wavelet?level=1"], (8, 6), (3, 3), (8, 6)),
        ("linconv?mode=valid", ["known:kernel.npy", "identity"], (1, 8, 8), (1, 3, 3), (1, 10, 10)),
        ("linconv?mode=full", ["known:kernel.npy", "identity"], (1, 8, 8), (1, 3, 3), (1, 6, 6)),
        ("pointwise", ["identity", "wavelet:db2?level=1"], (1, 8, 8), (1, 8, 8), (1, 8, 8)),
        ("outer", ["identity", "identity"], (1, 5, 4), (1, 5), (1, 4)),
        ("matmul", ["identity?shape=1x5x2", "identity"], (1, 5, 4), (1, 5, 2), (1, 2, 4)),
    ],
)
def test_shapes_follow_from_operator_and_measurement(
    folder: Path, operator: str, priors: list[str], y_shape: Any, w_shape: Any, x_shape: Any
) -> None:
    np.save("kernel.npy", np.full((3, 3), 1 / 9, dtype=np.float32))
    solution = pipeline(operator, priors)(measurements(*y_shape))
    assert tuple(solution.w.shape) == w_shape and tuple(solution.x.shape) == x_shape
    if priors[0].startswith("known"):
        assert torch.equal(solution.w.reshape(3, 3), torch.full((3, 3), 1 / 9))


# The problem by itself


@pytest.fixture
def shapings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the measurements that a solver was asked to shape a problem for."""
    asked: list[tuple[int, ...]] = []
    shaped = Solver.shaped

    def counting(self: Solver, problem: Problem, y: Tensor) -> Problem:
        asked.append(tuple(y.shape))
        return shaped(self, problem, y)

    monkeypatch.setattr(Solver, "shaped", counting)
    return asked


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_shapes_are_worked_out_without_solving_and_once(
    library: str, shapings: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, y = pipeline(), measurements(8, 9)
    expected = composed(y)
    given = y if library == "torch" else y.numpy()
    with monkeypatch.context() as without:
        without.setattr(type(composed.solver), "solve", lambda *_, **__: pytest.fail("solved"))
        problem = composed.problem_for(given)
    assert [prior.signal_shape for prior in problem.priors] == [(1, 3, 3), (1, 8, 9)]
    assert shapings == [(1, 1, 8, 9)] * 2
    found = composed(given, problem=problem)
    assert len(shapings) == 2
    np.testing.assert_array_equal(np.asarray(found.x), expected.x.numpy())
    assert found.config == expected.config


def test_a_problem_of_another_shape_is_refused() -> None:
    composed = pipeline()
    problem = composed.problem_for(measurements(8, 9))
    with pytest.raises(ShapeError, match=r"\(1, 8, 9\)"):
        composed(measurements(8, 8), problem=problem)


def test_a_problem_of_another_pipeline_is_refused() -> None:
    """Its priors would be solved with, and this pipeline's recorded."""
    composed, y = pipeline(), measurements(8, 9)
    other = pipeline().problem_for(y)
    by_hand = Problem(composed.operator, composed.priors)
    for problem in (other, by_hand):
        with pytest.raises(InputError, match=r"not of this pipeline.*problem_for"):
            composed(y, problem=problem)
    reseeded = attrs.evolve(composed, seed=3)
    assert torch.equal(reseeded(y, problem=composed.problem_for(y)).x, reseeded(y).x)


def test_a_problem_keeps_its_shapes_and_not_its_noise() -> None:
    """What was not measured is each measurement's own."""
    composed = pipeline(noise="gaussian?missing=nan")
    problem = composed.problem_for(measurements(8, 8))
    holes = measurements(8, 8)
    holes[2, 3] = torch.nan
    assert torch.equal(composed(holes, problem=problem).x, composed(holes).x)


# Roles


@pytest.fixture(scope="module")
def kernels_and_images() -> tuple[list[invkit.Generator], list[invkit.Generator]]:
    registry = default_manager().registry
    specs = [spec for spec in ROLES if registry.has("prior", spec.partition(":")[0])]
    made = [invkit.prior(spec) for spec in specs]
    return [each for each in made if each.role == "kernel"], [each for each in made if each.role == "image"]


def test_exchanged_priors_are_refused_in_a_stage_too(kernels_and_images: Any) -> None:
    kernels, images = kernels_and_images
    assert len(kernels) >= 4 and len(images) >= 4
    good = kernels[0], images[0]
    for kernel in kernels:
        for image in images:
            with pytest.raises(InputError, match=r"makes an image.*makes a kernel.*exchange them"):
                pipeline(priors=[image, kernel])
            pipeline(priors=[kernel, image], solver=[Stage(AltGD(), w=kernel, x=image)])
            for wrong in ({"w": image}, {"x": kernel}, {"w": image, "x": kernel}):
                with pytest.raises(InputError, match=r"the prior of [wx], .* makes an? "):
                    pipeline(priors=good, solver=[AltGD(), Stage(AltGD(), **wrong)])


# What the solver gets, and what it may raise


def test_a_solver_is_given_a_problem_in_the_shape_and_precision_of_the_measurement(folder: Path) -> None:
    """A solver need not know where they come from. Nothing is copied that fits."""
    seen: list[Problem] = []

    class Seeing(Solver):
        def solve(
            self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
        ) -> Solution:
            seen.append(problem)
            return invkit.solver(SOLVER).solve(problem, y, rng, monitors)

    np.save("basis.npy", np.eye(4, dtype=np.float32).reshape(4, 1, 2, 2))
    composed = pipeline(solver=Seeing(), priors=["subspace:basis.npy", "identity"])
    composed(measurements(8, 9))
    composed(measurements(8, 9).double())
    assert [prior.signal_shape for prior in seen[0].priors] == [(1, 2, 2), (1, 8, 9)]
    assert seen[0].operator is composed.operator and seen[0].priors[0] is composed.priors[0]
    assert {buffer.dtype for buffer in seen[1].priors[0].buffers()} == {torch.float64}
    assert {buffer.dtype for buffer in composed.priors[0].buffers()} == {torch.float32}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("Allocator: can't allocate memory: …")])
def test_a_solve_that_does_not_fit_into_memory_says_what_to_do(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def solve(*_: Any, **__: Any) -> Solution:
        raise error

    made = pipeline()
    monkeypatch.setattr(type(made.solver), "solve", solve)
    with pytest.raises(InputError, match=r"does not fit into memory.*fewer restarts"):
        made(measurements(1, 1, 8, 8))


def test_other_faults_of_a_solver_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(*_: Any, **__: Any) -> Solution:
        raise RuntimeError("a defect")

    made = pipeline()
    monkeypatch.setattr(type(made.solver), "solve", solve)
    with pytest.raises(RuntimeError, match="a defect"):
        made(measurements(1, 1, 8, 8))
