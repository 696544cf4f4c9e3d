"""The solver: the contract, what it says of w, what it refuses, and weights that are not there."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Monitor, Problem, Progress, ShapeError, SpecError, Status, WeightsError
from invkit.files.store import install, read_prior, write_prior
from invkit.testing import check_solver
from invkit_cnn.solver import FeedForward
from tests.solver_examples import images
from tests.untrained import write_untrained, write_untrained_cnn


@pytest.fixture
def solver(tmp_path: Path) -> FeedForward:
    """A network of noise, for grey pictures of even sides from 4 pixels on."""
    return load(write_untrained_cnn(tmp_path / "noise.safetensors", noise=0.2))


def load(path: Path, **options: int) -> FeedForward:
    made = invkit.solver(str(invkit.Spec("cnn", options={"weights": str(path), **options})))
    assert isinstance(made, FeedForward)
    return made


def problem(shape: tuple[int, ...], operator: str = "circconv", w: str = "identity") -> Problem:
    return Problem(invkit.operator(operator), (invkit.prior(w), invkit.prior("identity"))).shaped(shape)


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def solve(solver: FeedForward, y: Tensor, *monitors: Monitor) -> invkit.Solution:
    return solver.solve(problem(tuple(y.shape[1:])), y, torch.Generator(), monitors)


@pytest.mark.parametrize("chunk", [1, 2, 64])
def test_the_contract(solver: FeedForward, chunk: int) -> None:
    check_solver(attrs.evolve(solver, chunk=chunk), examples=images(solver, 0))


def test_no_w_comes_back_and_all_that_needs_one_says_so(solver: FeedForward) -> None:
    solution = solve(solver, pictures(3, 1, 8, 6))
    assert solution.w is None and solution.latents == (None, None)
    assert solution.residual.isnan().all() and solution.restarts.residual.isnan().all()
    assert solution.status == (Status.CONVERGED,) * 3 and solution.history.isnan().all()
    assert not solver.finds_w


def test_the_image_is_the_networks_clipped(solver: FeedForward) -> None:
    y = pictures(2, 1, 8, 8)
    raw = solver.network(y - 0.5) + 0.5
    assert torch.allclose(solve(solver, y).x, raw.clamp(0, 1), atol=1e-6)
    assert raw.min() < 0 or raw.max() > 1  # so that there was something to clip


def test_chunks_change_nothing_but_how_often_monitors_are_told(solver: FeedForward) -> None:
    y = pictures(5, 1, 8, 8)
    told: list[tuple[int, int]] = []

    class Steps(Monitor):
        def on_step(self, progress: Progress) -> None:
            told.append((progress.step, progress.steps))

    in_twos = solve(attrs.evolve(solver, chunk=2), y, Steps())
    assert torch.allclose(in_twos.x, solve(solver, y).x, atol=1e-6)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_ctrl_c_leaves_what_was_not_reached_as_it_came(solver: FeedForward) -> None:
    class Stop(Monitor):
        def on_step(self, progress: Progress) -> None:
            raise KeyboardInterrupt

    y = 1.5 * pictures(3, 1, 8, 8)
    cut, whole = solve(attrs.evolve(solver, chunk=1), y, Stop()), solve(solver, y)
    assert cut.status == (Status.INTERRUPTED,) * 3
    assert torch.allclose(cut.x[0], whole.x[0], atol=1e-6)
    assert torch.equal(cut.x[1:], y[1:].clamp(0, 1))


def test_a_picture_that_overflows_has_diverged_alone(solver: FeedForward) -> None:
    y = pictures(2, 1, 8, 8)
    y[1] = torch.inf
    solution = solve(solver, y)
    assert solution.status == (Status.CONVERGED, Status.DIVERGED)
    assert torch.allclose(solution.x[0], solve(solver, y[:1]).x[0], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "operator", "error", "says"),
    [
        ((3, 8, 8), "circconv", ShapeError, "takes images of 1 channels, this one has 3"),
        ((1, 9, 8), "circconv", ShapeError, "multiples of 2, the image is 9×8"),
        ((1, 2, 8), "circconv", ShapeError, "at least 4 pixels"),
        ((1, 8), "circconv?dims=1", InputError, "signals of 1 dimension"),
    ],
)
def test_what_the_network_does_not_take(
    shape: tuple[int, ...], operator: str, error: type[Exception], says: str, solver: FeedForward
) -> None:
    with pytest.raises(error, match=says):
        solver.solve(problem(shape, operator), pictures(1, *shape), torch.Generator())


def test_neither_a_start_nor_other_noise_is_taken(solver: FeedForward) -> None:
    y = pictures(1, 1, 8, 8)
    with pytest.raises(InputError, match=r"takes no start.*first stage"):
        solver.solve(problem((1, 8, 8)), y, torch.Generator(), start=solve(solver, y))
    robust = attrs.evolve(problem((1, 8, 8)), noise=invkit.noise("robust"))
    with pytest.raises(InputError, match="cnn takes only white Gaussian noise"):
        solver.solve(robust, y, torch.Generator())


def test_an_operator_that_changes_the_shape_is_refused(solver: FeedForward) -> None:
    valid = problem((1, 8, 8), "linconv?mode=valid", "identity?shape=1x3x3")
    with pytest.raises(ShapeError, match=r"but x has .1, 10, 10.; choose an operator that keeps the shape"):
        solver.solve(valid, pictures(1, 1, 8, 8), torch.Generator())


def test_weights_by_path_and_by_name(tmp_path: Path) -> None:
    path = write_untrained_cnn(tmp_path / "mine.safetensors")
    install(path, "cnn", "mine-for-the-test")
    named = invkit.solver("cnn?weights=mine-for-the-test")
    assert isinstance(named, FeedForward) and named.sha256 == load(path).sha256
    y = pictures(1, 1, 8, 8)
    assert np.allclose(solve(named, y).x, y, atol=1e-6)  # untrained, it is the identity


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("cnn", SpecError, "cnn needs weights; write cnn?weights=NAME; known: "),
        ("cnn?weights=celeba-shak", WeightsError, "cnn?weights=celeba-shak; did you mean 'celeba-shake'"),
        ("cnn?weights=celeba-shake-l15", WeightsError, "is a recipe; its weights do not travel with invkit"),
        ("cnn?weights=./nowhere.safetensors", WeightsError, "no file of trained weights at nowhere"),
        ("cnn?chunk=0,weights=celeba-shake", SpecError, "chunk"),
    ],
)
def test_weights_that_are_not_there(spec: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        invkit.solver(spec)
    assert says in str(caught.value)


def test_files_that_are_no_deblurring_network(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds a 'vae' prior"):
        load(write_untrained(tmp_path / "vae.safetensors", "paper-mnist"))
    good = read_prior(write_untrained_cnn(tmp_path / "good.safetensors"))
    with pytest.raises(WeightsError, match="architecture is 'l15', expected a dict"):
        write_prior(tmp_path / "bad.safetensors", good.tensors, good.card | {"architecture": "l15"})
    for architecture, says in (
        ({"name": "l16", "options": {}}, "unknown architecture 'l16'"),
        ({"name": "residual", "options": {}}, "are not those of the architecture residual"),
    ):
        write_prior(tmp_path / "bad.safetensors", good.tensors, good.card | {"architecture": architecture})
        with pytest.raises(WeightsError, match=says):
            load(tmp_path / "bad.safetensors")
