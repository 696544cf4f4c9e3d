"""The benchmark of parallel MRI on a small made-up scan, with its peer and without."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import invkit
from benchmarks import mri
from benchmarks._peers import sigpy_or_none

CASE = "2 x 2, 12 calibration lines"


@pytest.fixture(autouse=True)
def scan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Four smooth coils and a picture of boxes, in BART's format."""
    prior = invkit.prior("sobolev?scale=8,shape=4x32x40")
    w = prior(prior.sample_latent(1, torch.Generator().manual_seed(0), dtype=torch.complex64))
    x = torch.zeros(1, 1, 32, 40)
    x[..., 4:28, 8:32], x[..., 10:20, 12:20] = 1.0, 0.4
    kspace = invkit.linear("dft?centred=true")(w * x)[0]
    (tmp_path / "mri").mkdir()
    (tmp_path / "mri" / "full.cfl").write_bytes(kspace.numpy().astype("<c8").tobytes())
    (tmp_path / "mri" / "full.hdr").write_text("# Dimensions\n1 40 32 4 1 \n")
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))


def run(*arguments: str) -> list[dict]:
    result = CliRunner().invoke(mri.main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_runs_without_the_peer_and_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sigpy", None)  # what import finds where a package is not installed
    (report,) = run("--case", CASE, "--picture", str(tmp_path / "made.png"))
    errors = {name: float(value) for name, value in report["relative error"].items()}
    assert report["peer"] is None and errors.keys() == {"zero-filled", "irgnm", "irgnm, then tv"}
    assert errors["irgnm, then tv"] < 0.5 * errors["zero-filled"]
    assert np.asarray(Image.open(tmp_path / "made.png")).shape == (64, 160)


def test_the_peer_runs_beside_it() -> None:
    if sigpy_or_none() is None:
        pytest.skip("sigpy is not installed: pip install sigpy")
    (report,) = run("--case", CASE)
    assert "sigpy ESPIRiT + SENSE" in report["relative error"]


def test_patterns_keep_rows_columns_and_the_middle() -> None:
    mask = mri.pattern((12, 10), 3, 2, 4)
    assert mask[::3, ::2].min() == 1 and mask[4:8, 3:7].min() == 1
    assert mask.sum() == 4 * 5 + 16 - 2


def test_the_error_is_that_after_a_fitted_scale_on_bright_pixels() -> None:
    truth = torch.tensor([[1.0, 2.0], [0.01, 0.5]])
    assert mri.error(7 * truth, truth) < 1e-6
    other = truth.clone()
    other[1, 0] = 5
    assert mri.error(other, truth) < 1e-6
