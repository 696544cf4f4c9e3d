"""What runs on a GPU where there is one. Elsewhere all of it is skipped, and says so.

The contracts of solvers and operators (`tests/contracts`) try a GPU, too, where there is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.contracts.ambient import devices
from invkit.files.images import write_image
from invkit.files.store import read_prior
from invkit.training.processes import Processes
from tests.training.test_run import Interrupted, make_run, quiet, stop_at

DEVICE = next((name for name in devices() if name != "cpu"), None)

pytestmark = pytest.mark.skipif(DEVICE is None, reason="torch finds no accelerator here")

DIGITS = {"operator": "circconv", "w": "vae:blurA", "x": "vae:mnist", "solver": "altgd?steps=20,restarts=4"}
FEW = "evidence?starts=8,keep=4x2,steps=8,leaps=0,retries=0"


def digit() -> np.ndarray:
    """A blurry digit in double precision, so that rounding stays small."""
    return np.asarray(invkit.example("digit").y, np.float64)


@pytest.mark.parametrize(
    "parts",
    [DIGITS, {**DIGITS, "w": "trajectory", "x": "spectrum?shape=1x28x28", "solver": FEW}],
    ids=["altgd", "evidence"],
)
def test_a_pipeline_on_a_device_finds_what_the_cpu_finds(parts: dict[str, str]) -> None:
    here = invkit.compose(**parts)  # type: ignore[arg-type]
    there = here.to(str(DEVICE))
    expected, found = here(digit()), there(digit())
    assert isinstance(found.x, np.ndarray)
    np.testing.assert_allclose(found.x, expected.x, atol=1e-4)
    np.testing.assert_allclose(found.w, expected.w, atol=1e-4)
    assert found.config == expected.config
    kept = there(torch.from_numpy(digit()))
    assert kept.x.device.type == torch.device(str(DEVICE)).type


def test_tensors_stay_on_their_device() -> None:
    y = torch.from_numpy(digit()).to(str(DEVICE))
    solution = invkit.compose(**DIGITS)(y)  # type: ignore[arg-type]
    assert {each.device for each in (solution.x, solution.w, solution.residual)} == {y.device}


def test_a_saved_solution_is_read_without_the_device(tmp_path: Path) -> None:
    y = torch.from_numpy(digit()).to(str(DEVICE))
    solution = invkit.compose(**DIGITS)(y)  # type: ignore[arg-type]
    solution.save(tmp_path / "out")
    program = "import sys, invkit; print(float(invkit.Solution.load(sys.argv[1]).x.sum()))"
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path / "out")]
    shown = subprocess.run(command, env=hidden, capture_output=True, text=True, check=True)
    assert float(shown.stdout) == pytest.approx(float(solution.x.sum()))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_pictures_are_deblurred_on_the_device(jobs: str, tmp_path: Path) -> None:
    for number in range(2):
        write_image(tmp_path / "in" / f"{number}.png", invkit.example("digit").y)
    arguments = ["deblur", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--jobs", jobs]
    options = ["--prior", DIGITS["w"], "--prior", DIGITS["x"], "--solver", DIGITS["solver"]]
    assert main([*arguments, *options, "--device", str(DEVICE), "--quiet"]) == 0
    for number in range(2):
        assert json.loads((tmp_path / "out" / f"{number}.json").read_text())["status"] == "max_iter"
    pipeline = invkit.compose(**DIGITS).to(str(DEVICE))  # type: ignore[arg-type]
    report = invkit.map(pipeline, tmp_path / "in", tmp_path / "out", jobs=1)
    assert report.kept == 2  # the device is a part of the configuration, however it was named


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    processes = Processes(device=torch.device(str(DEVICE)))
    whole = make_run(tmp_path / "whole", processes=processes)
    whole.train(quiet, save_every=3)
    stopped = make_run(tmp_path / "stopped", processes=processes)
    with pytest.raises(Interrupted):
        stopped.train(stop_at(7), save_every=3, log_every=1)  # type: ignore[arg-type]
    again = make_run(tmp_path / "stopped", processes=processes)
    assert again.begin(resume=True) and again.step == 6
    again.train(quiet, save_every=3)
    for name, expected in whole.average.items():
        torch.testing.assert_close(again.average[name], expected)


def test_weights_trained_on_the_device_are_used_on_the_cpu(tmp_path: Path) -> None:
    changes = {"limit": 64, "batch": 16, "epochs": 1, "warmup": 2}
    trained = invkit.train("vae", recipe="blurA", changes=changes, out=tmp_path / "run", progress=False)
    assert {each.device.type for each in read_prior(trained.path).tensors.values()} == {"cpu"}
    prior = invkit.prior(trained.prior)
    with torch.no_grad():
        assert prior(prior.sample_latent(1, torch.Generator().manual_seed(0))).isfinite().all()
