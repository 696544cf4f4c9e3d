"""Solving on from a solution: in the same pipeline, under other priors, from numpy and from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Pipeline, Problem, Solution, Solver

KERNEL = "identity?shape=1x3x3"
QUICK = "altgd?steps=4,restarts=2,keep=2,start=random,anneal=1,weight_w=0,weight_x=0"
Y = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@attrs.frozen(eq=False)
class Seeing(Solver):
    """Gives back what it is to start from."""

    seen: list[tuple[Problem, Solution | None]] = attrs.field(factory=list)

    def solve(
        self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
    ) -> Solution:
        self.seen.append((problem, start))
        assert start is not None
        return start


def pipeline(x: Any = "identity", solver: Any = QUICK) -> Pipeline:
    return invkit.compose("circconv", [KERNEL, x], solver)


@pytest.fixture(scope="module")
def first() -> Solution:
    return pipeline()(Y)


def test_it_goes_on_from_where_it_was(first: Solution) -> None:
    further = pipeline()(Y, start=first)
    assert (further.residual <= first.residual * (1 + 1e-5)).all()
    assert (further.residual < 0.99 * first.residual).any()
    assert further.restarts.objective.shape == (2, 1)  # there is one start


@pytest.mark.parametrize("saved", [False, True])
def test_a_stage_goes_on_from_what_is_numpys_or_was_saved(saved: bool, tmp_path: Path) -> None:
    """Rivals, noise and confidence come along, as they do where all are tensors."""
    y = invkit.example("digit").y
    quick = "evidence?starts=16,keep=8x4,steps=10,finish=1,leaps=0,retries=0"
    first = invkit.compose("circconv", ["trajectory", "gaussian:mnist"], quick)
    second = invkit.compose("circconv", ["trajectory", "denoiser:photographs"], "pnp?steps=2")
    found, tensors = first(y), first(torch.from_numpy(y))
    if saved:
        found = Solution.load(found.save(tmp_path))
    assert found.rivals is not None and isinstance(found.rivals[0].h, np.ndarray) and len(found.rivals[0].h)
    further, expected = second(y, start=found), second(torch.from_numpy(y), start=tensors)
    np.testing.assert_array_equal(further.x, expected.x.numpy())
    np.testing.assert_array_equal(further.confidence, expected.confidence.numpy())
    assert further.status == expected.status


def test_its_latents_are_taken_as_they_are(first: Solution) -> None:
    seeing = Seeing()
    pipeline(solver=seeing)(Y, start=first)
    ((_, start),) = seeing.seen
    assert start is not None
    for latent, before in zip(start.latents, first.latents, strict=True):
        assert torch.equal(latent, before)


@pytest.mark.parametrize("form", ["numpy", "loaded", "double", "moved"])
def test_the_same_in_another_form(form: str, first: Solution, tmp_path: Path) -> None:
    expected = pipeline()(Y, start=first)
    start = {
        "numpy": lambda: pipeline()(Y.numpy()),
        "loaded": lambda: Solution.load(first.save(tmp_path)),
        "double": lambda: attrs.evolve(first, x=first.x.double(), w=first.w.double()),
        "moved": lambda: attrs.evolve(first, config=None),
    }[form]()
    assert torch.equal(pipeline()(Y, start=start).x, expected.x)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (1, 1, 8, 8)], ids=str)
@pytest.mark.parametrize("given", [(8, 8), (1, 1, 8, 8)], ids=str)
def test_layouts_need_not_agree(shape: tuple[int, ...], given: tuple[int, ...]) -> None:
    start = pipeline()(Y[0].reshape(shape))
    further = pipeline(solver=Seeing())(Y[0].reshape(given), start=start)
    assert tuple(further.x.shape) == given
    assert torch.equal(further.x.flatten(), start.x.flatten())


def test_under_another_prior_the_encoder_says_the_latent(first: Solution) -> None:
    seeing = Seeing()
    pipeline(x="wavelet:haar?level=2", solver=seeing)(Y, start=first)
    ((problem, start),) = seeing.seen
    assert start is not None and torch.equal(start.latents[0], first.latents[0])
    image = problem.priors[1]
    torch.testing.assert_close(image(start.latents[1]), first.x, atol=1e-6, rtol=0)
    assert torch.equal(start.latents[1], image.encode(first.x))


def test_latents_of_another_prior_with_the_same_shape_are_not_taken(first: Solution) -> None:
    """Wavelet coefficients are no pixels, though there are as many."""
    wavelet = pipeline(x="wavelet:haar?level=1")(Y)
    seeing = Seeing()
    pipeline(solver=seeing)(Y, start=wavelet)
    ((_, start),) = seeing.seen
    assert start is not None and torch.equal(start.latents[1], wavelet.x)


def test_without_an_encoder_the_closest_is_looked_for() -> None:
    basis = torch.linalg.qr(torch.randn(64, 3, generator=torch.Generator().manual_seed(1)))[0].T

    class Plane(invkit.Generator):
        latent_shape, signal_shape = (3,), (1, 8, 8)

        def forward(self, latent: Tensor) -> Tensor:
            return (latent @ basis).reshape(-1, 1, 8, 8)

    start = pipeline()(Y)
    seeing = Seeing()
    pipeline(x=Plane(), solver=seeing)(Y, start=start)
    ((_, found),) = seeing.seen
    assert found is not None
    closest = start.x.flatten(1) @ basis.T
    torch.testing.assert_close(found.latents[1], closest, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("x", ["wavelet:haar?level=1", "identity"])
def test_without_a_configuration_latents_are_taken_that_make_the_signals(x: str, first: Solution) -> None:
    before = pipeline(x=x)(Y, with_config=False)
    seeing = Seeing()
    pipeline(solver=seeing)(Y, start=before)
    ((problem, start),) = seeing.seen
    assert start is not None and torch.equal(start.latents[0], before.latents[0])
    torch.testing.assert_close(problem.priors[1](start.latents[1]), before.x)


def test_signals_of_ones_own_are_gone_on_from_without_latents(first: Solution) -> None:
    seeing = Seeing()
    mine = attrs.evolve(first, x=first.x.flip(2), latents=(None, None))
    pipeline(solver=seeing)(Y, start=mine)
    ((_, start),) = seeing.seen
    assert start is not None
    torch.testing.assert_close(start.latents[1], mine.x)


def test_where_w_is_tied_signals_of_ones_own_are_enough() -> None:
    symmetric = invkit.compose("circconv", ["tied", "nonnegative"], "lm?steps=3,restarts=2")
    found = symmetric(Y)
    again = symmetric(Y, start=attrs.evolve(found, latents=(None, None)))
    assert (again.residual <= found.residual * (1 + 1e-4)).all()


def test_a_real_start_of_complex_measurements_leaves_the_answer_complex() -> None:
    w = torch.randn(2, 1, 3, 3, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))
    priors = ["identity?shape=1x3x3,field=any", "identity?field=any"]
    deconvolve = invkit.compose("circconv", priors, "lm?steps=20,restarts=1")
    y = invkit.operator("circconv")(w, Y.to(torch.complex64))
    found = deconvolve(y, start=pipeline()(Y))
    assert found.w.is_complex() and found.x.is_complex()
    assert (found.residual < 1e-6 * y.abs().square().sum((1, 2, 3))).all()


@pytest.mark.parametrize("latents", [True, False])
def test_a_complex_start_of_real_measurements_is_refused(latents: bool, first: Solution) -> None:
    pair = (first.latents[0], first.latents[1] + 1j) if latents else (None, None)
    changed = attrs.evolve(first, x=first.x + 1j, latents=pair)
    with pytest.raises(InputError, match=r"x of the solution to start from is complex.*x=solution\.x\.real"):
        pipeline()(Y, start=changed)


@pytest.mark.parametrize(
    ("y", "change", "says"),
    [
        (Y[:1], {}, r"array of shape \(2, 1, 3, 3\) for 1 measurements"),
        (torch.cat([Y, Y]), {}, "for 4 measurements"),
        (Y, {"x": None}, "has no x"),
        (Y, {"w": None, "latents": (None, torch.zeros(2, 1, 8, 8))}, "has no w"),
        (Y, {"latents": (torch.zeros(1, 1, 3, 3), None)}, "has latents of 1 measurements, but 2"),
        (Y, {"x": torch.zeros(2, 1, 1, 8, 8)}, r"array of shape \(2, 1, 1, 8, 8\)"),
    ],
)
def test_a_solution_of_something_else_is_refused(
    first: Solution, y: Tensor, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says) as refusal:
        pipeline()(y, start=attrs.evolve(first, **change))
    assert refusal.value.hint


@pytest.mark.wrong_types
def test_what_is_no_solution_says_how_to_load_one(first: Solution) -> None:
    for path in ("out", Path("out")):
        with pytest.raises(InputError, match=r"the path 'out'; write start=invkit\.Solution\.load\('out'\)"):
            pipeline()(Y, start=path)  # type: ignore[arg-type]
    for start in ((first.w, first.x), [first], 5):
        with pytest.raises(
            InputError, match=r"must be a solution, got (tuple|list|int); give what a pipeline gave"
        ):
            pipeline()(Y, start=start)  # type: ignore[arg-type]


def test_the_start_is_left_as_it_is(first: Solution) -> None:
    kept = first.x.clone(), first.latents[0].clone()
    pipeline()(Y, start=first)
    assert torch.equal(first.x, kept[0]) and torch.equal(first.latents[0], kept[1])
    numpy = pipeline()(Y.numpy())
    before = numpy.x.copy()
    pipeline()(Y.numpy(), start=numpy)
    np.testing.assert_array_equal(numpy.x, before)


def test_signals_of_another_shape_are_refused(first: Solution) -> None:
    wider = invkit.compose("circconv", ["identity?shape=1x5x5", "identity"], QUICK)(Y)
    with pytest.raises(InputError, match=r"shape \(2, 1, 5, 5\) for 2 measurements .* \(1, 3, 3\)"):
        pipeline()(Y, start=wider)
    larger = torch.rand(2, 1, 10, 10)
    with pytest.raises(InputError, match=r"shape \(2, 1, 8, 8\) for 2 measurements .* \(1, 10, 10\)"):
        pipeline()(larger, start=first)
