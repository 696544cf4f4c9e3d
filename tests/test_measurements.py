"""Measurements in every layout and library, the answers in the same; what is no measurement is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import invkit
from invkit import InputError, ShapeError, Solution, Solver
from invkit.contracts.problem import Problem
from invkit.files.images import write_image
from tests.composing import SOLVER, measurements, pipeline, weights_file
from tests.untrained import write_untrained_cnn

LAYOUTS = [(8, 9), (1, 8, 9), (3, 8, 9), (2, 1, 8, 9), (2, 3, 8, 9)]


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 1, 8, 8)])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_every_layout_comes_back_without_a_w_that_was_not_found(
    shape: tuple[int, ...], library: str, folder: Path
) -> None:
    weights = write_untrained_cnn(folder / "cnn.safetensors")
    y = measurements(*shape)
    solution = pipeline(solver=f"cnn?weights={weights}")(y.numpy() if library == "numpy" else y)
    assert solution.w is None and tuple(solution.x.shape) == shape
    assert type(solution.x) is (np.ndarray if library == "numpy" else Tensor)
    assert np.abs(np.asarray(solution.x) - y.numpy()).max() < 1e-6  # an untrained network is the identity


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_every_layout_comes_back_as_it_was_given(shape: tuple[int, ...], library: str) -> None:
    y = measurements(*shape)
    solution = pipeline()(y if library == "torch" else y.numpy())
    kind = Tensor if library == "torch" else np.ndarray
    assert isinstance(solution.x, kind) and isinstance(solution.w, kind)
    assert tuple(solution.x.shape) == shape
    kernel = {2: (3, 3), 3: (1, 3, 3), 4: (shape[0], 1, 3, 3)}[len(shape)]
    assert tuple(solution.w.shape) == kernel
    batch = pipeline()(y.reshape(-1, *([1] * (3 - min(len(shape), 3))), *shape[-3:]))
    np.testing.assert_array_equal(np.asarray(solution.x).ravel(), batch.x.numpy().ravel())
    assert str(solution.x.dtype).endswith("float32")


@pytest.mark.parametrize("shape", [(9,), (2, 9), (4, 2, 9)], ids=str)
def test_signals_of_one_dimension_too(shape: tuple[int, ...]) -> None:
    composed = pipeline("circconv?dims=1", ["identity?shape=1x3", "identity"])
    solution = composed(measurements(*shape).numpy())
    assert solution.x.shape == shape
    assert solution.w.shape == {1: (3,), 2: (1, 3), 3: (shape[0], 1, 3)}[len(shape)]


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("as_path", [str, Path])
def test_a_path_is_read_and_answered_in_numpy(folder: Path, colours: int, as_path: Any) -> None:
    array = np.round(measurements(colours, 8, 9).numpy() * 255).astype(np.float32) / 255
    write_image(folder / "blurry.png", array)
    solution = pipeline()(as_path("blurry.png"))
    assert isinstance(solution.x, np.ndarray) and solution.x.shape == (colours, 8, 9)
    np.testing.assert_array_equal(solution.x, pipeline()(array).x)


def test_double_precision_stays_double() -> None:
    y = measurements(8, 8).double().numpy()
    solution = pipeline()(y)
    assert solution.x.dtype == solution.residual.dtype == np.float64


def test_double_precision_meets_trained_weights_of_single_precision(folder: Path) -> None:
    """numpy's numbers are double by default: that must not be anybody's trouble."""
    prior = weights_file(folder / "tiny.safetensors", seed=0)
    solution = pipeline(priors=[prior, "identity"])(measurements(16, 16).double().numpy())
    assert solution.x.dtype == solution.w.dtype == np.float64
    np.testing.assert_allclose(solution.w.sum(), 1, rtol=1e-6)


@attrs.frozen(eq=False)
class Telling(Solver):
    """Gives back all that a solution may hold."""

    def solve(
        self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
    ) -> Solution:
        found = invkit.solver(SOLVER).solve(problem, y, rng, monitors)
        n = len(y)
        more = {"x_std": found.x.abs(), "x_kernel": found.x / 2, "notes": ({"gain": 0.5},) * n}
        return attrs.evolve(found, noise=torch.ones(n), confidence=torch.ones(n), **more)


def test_everything_in_a_solution_is_numpys_for_numpy() -> None:
    y = measurements(2, 1, 8, 8)
    by_torch, by_numpy = pipeline(solver=Telling())(y), pipeline(solver=Telling())(y.numpy())

    def compare(of_torch: Any, of_numpy: Any, where: str) -> int:
        if isinstance(of_torch, Tensor):
            assert type(of_numpy) is np.ndarray, where
            np.testing.assert_array_equal(of_numpy, of_torch.numpy())
            return 1
        if attrs.has(type(of_torch)):
            names = [field.name for field in attrs.fields(type(of_torch))]
            return sum(compare(getattr(of_torch, n), getattr(of_numpy, n), n) for n in names)
        if isinstance(of_torch, tuple):
            return sum(compare(a, b, where) for a, b in zip(of_torch, of_numpy, strict=True))
        return 0

    assert compare(by_torch, by_numpy, "solution") >= 11
    json.dumps(by_numpy.summary())


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (measurements(8), InputError, r"shape \(8,\), expected 2 axes, 3 with channels or 4"),
        (measurements(1, 1, 1, 8, 8), InputError, "expected 2 axes"),
        (torch.zeros(0, 1, 8, 8), InputError, "none of them empty"),
        (torch.tensor(1.0), InputError, r"shape \(\)"),
        (measurements(8, 8) * torch.nan, InputError, "NaN or infinite"),
        (measurements(8, 8) / 0, InputError, "NaN or infinite"),
        (measurements(8, 8).to_sparse(), InputError, r"sparse tensor; write y\.to_dense\(\)"),
        ((measurements(8, 8) * 255).byte(), InputError, "uint8.*/ 255"),
        (measurements(8, 8).half(), InputError, "float16.*expected float32 or float64"),
        (np.zeros((8, 8), dtype=">f4"), InputError, ">f4"),
        (np.zeros((8, 8), dtype=int), InputError, "int64"),
        (
            np.ma.masked_greater(measurements(8, 8).numpy(), 0.5),
            InputError,
            r"masked entries.*filled\(numpy.nan",
        ),
        ([[0.0, 1.0]], InputError, "got list"),
        (None, InputError, "got NoneType"),
        ("missing.png", InputError, "missing.png"),
        (measurements(2, 2), ShapeError, "kernel"),
    ],
)
def test_what_is_no_measurement_is_told(folder: Path, given: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        pipeline()(given)


def test_a_picture_is_no_signal_of_one_dimension(folder: Path) -> None:
    write_image(folder / "blurry.png", measurements(1, 8, 8).numpy())
    with pytest.raises(InputError, match=r"blurry\.png.*signals of 1"):
        pipeline("circconv?dims=1", ["identity?shape=1x3", "identity"])("blurry.png")


def test_a_grey_prior_and_a_colour_image_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\)"):
        pipeline(priors=["identity?shape=1x3x3", "identity?shape=1x8x8"])(measurements(3, 8, 8))


# Pictures as people have them


@pytest.fixture(scope="module")
def deblur() -> invkit.Pipeline:
    return invkit.compose("circconv", w="trajectory", x="identity", solver="altgd?steps=1,restarts=1")


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_pillow_image_is_as_its_file(mode: str, deblur: invkit.Pipeline, tmp_path: object) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (32, 40), dtype=np.uint8)
    picture = Image.fromarray(levels).convert(mode)
    path = f"{tmp_path}/a.png"
    picture.save(path)
    assert np.array_equal(deblur(picture).x, deblur(path).x)


def test_a_transparent_pillow_image_is_refused(deblur: invkit.Pipeline) -> None:
    with pytest.raises(InputError, match="transparent"):
        deblur(Image.new("RGBA", (32, 32), (1, 2, 3, 4)))


@pytest.mark.parametrize("shape", [(32, 40, 3), (2, 32, 40, 3), (32, 40, 1), (32, 40, 4)])
def test_channels_last_are_refused_with_what_to_type(shape: tuple[int, ...], deblur: invkit.Pipeline) -> None:
    with pytest.raises(InputError, match=r"put them first: y\.transpose"):
        deblur(torch.rand(shape))


def test_narrow_pictures_with_channels_first_are_taken(deblur: invkit.Pipeline) -> None:
    assert deblur(torch.rand(3, 40, 30)).x.shape == (3, 40, 30)
