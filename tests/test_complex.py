"""Complex signals from a measurement to a folder and back; who does not take them says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit import InputError

COILS = invkit.operator("pointwise | dft?centred=true")
PRIORS = ["identity?shape=4x6x6", "identity?shape=1x6x6"]


def kspace() -> np.ndarray:
    rng = torch.Generator().manual_seed(0)
    w, x = (torch.randn(1, c, 6, 6, generator=rng, dtype=torch.complex128) for c in (4, 1))
    y: np.ndarray = COILS(w, x)[0].numpy()
    return y


def test_a_complex_solution_is_saved_and_loaded(tmp_path: Path) -> None:
    solution = invkit.compose(COILS, PRIORS, "altgd?steps=300,restarts=1,weight_w=0,weight_x=0")(kspace())
    assert solution.x.dtype == solution.w.dtype == np.complex128
    assert solution.x.shape == (1, 6, 6) and solution.w.shape == (4, 6, 6)
    assert solution.residual < 1e-2 * np.square(np.abs(kspace())).sum()
    solution.save(tmp_path)
    assert {"x.png", "w.png"} <= {path.name for path in tmp_path.iterdir()}
    again = invkit.Solution.load(tmp_path)
    for name in ("x", "w"):
        np.testing.assert_array_equal(getattr(again, name), getattr(solution, name))


def test_single_precision_stays_single() -> None:
    solution = invkit.compose(COILS, PRIORS, "altgd?steps=2,restarts=1")(kspace().astype(np.complex64))
    assert solution.x.dtype == solution.w.dtype == np.complex64


def test_a_solve_goes_on_from_a_complex_solution() -> None:
    pipeline = invkit.compose(COILS, PRIORS, "altgd?steps=100,restarts=1,weight_w=0,weight_x=0")
    first = pipeline(kspace())
    assert pipeline(kspace(), start=first).residual < first.residual


@pytest.mark.parametrize("solver", ["darkprior", "evidence", "kernelsearch"])
def test_solvers_for_real_numbers_refuse_complex_ones(solver: str) -> None:
    pipeline = invkit.compose("circconv", ["trajectory", "gaussian:mnist"], solver)
    with pytest.raises(InputError, match=r"measurements of torch\.complex64"):
        pipeline(np.ones((28, 28), np.complex64))
    complex_prior = invkit.compose("pointwise", ["identity?field=complex", "identity"], solver)
    with pytest.raises(InputError, match="complex prior Identity"):
        complex_prior(np.ones((8, 8), np.float32))


def test_complex_measurements_of_real_priors_are_refused() -> None:
    pipeline = invkit.compose("circconv", ["trajectory", "identity?field=real"], "altgd?steps=1,restarts=1")
    y = np.ones((28, 28), np.complex64)
    for solve in (pipeline, pipeline.problem_for):
        with pytest.raises(InputError, match=r"measurements of torch\.complex64.*y\.real"):
            solve(y)
    with pytest.raises(InputError, match=r"signals are complex.*x\.real"):
        invkit.project("gaussian:mnist", y)


def test_a_real_image_beside_a_complex_kernel_starts_by_its_encoder() -> None:
    pipeline = invkit.compose(
        "pointwise",
        ["identity?field=complex", "vae:mnist"],
        "altgd?steps=2,restarts=1,start=encoder",
    )
    assert pipeline(np.ones((28, 28), np.complex64)).x.dtype == np.float32
