"""The benchmark of microscopy on a tiny made-up volume, with its peer and without."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from click.testing import CliRunner
from PIL import Image

import invkit
from benchmarks import microscopy
from benchmarks._peers import skimage_or_none


@pytest.fixture(autouse=True)
def volume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One bar and one bead."""
    x = torch.zeros(1, 1, 6, 12, 10)
    x[..., 2, 3:9, 4], x[..., 4, 8, 7] = 1.0, 2.0
    kernel = invkit.prior("widefield?size=6x12x10")(torch.zeros(1, 2))
    y = torch.poisson(
        500 * invkit.operator("circconv?dims=3")(kernel, x), generator=torch.Generator().manual_seed(0)
    )
    (tmp_path / "microscopy").mkdir()
    for name, values in (("actual", x), ("data", y), ("kernel", kernel)):
        tifffile.imwrite(
            tmp_path / "microscopy" / f"{name}.tif", values[0, 0].numpy(), photometric="minisblack"
        )
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    monkeypatch.setattr(microscopy, "ITERATIONS", (2, 4))


def run(*arguments: str) -> dict:
    result = CliRunner().invoke(microscopy.main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_runs_without_the_peer_and_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)  # what import finds where a package is not installed
    report = run("--steps", "60", "--picture", str(tmp_path / "made.png"))
    found = report["PSNR in dB"]
    assert report["peer"] is None and not any("scikit" in name for name in found)
    assert found["ours, blind"] > found["blurry"]
    assert {"Richardson-Lucy, blind", "Richardson-Lucy, known"} <= found.keys()
    assert report["point-spread function of ours, blind"].keys() == {"radius", "slope"}
    assert np.asarray(Image.open(tmp_path / "made.png")).shape == (18, 40)


def test_the_peer_runs_beside_it() -> None:
    if skimage_or_none() is None:
        pytest.skip("scikit-image is not installed: pip install scikit-image")
    assert "scikit-image Richardson-Lucy, known" in run("--steps", "2")["PSNR in dB"]


def test_of_iterations_the_best_counts() -> None:
    made = microscopy.best({"a, 4": 1.0, "a, 16": 3.0, "a, 64": 2.0, "b, blind": 5.0})
    assert made == {"a": 3.0, "b, blind": 5.0}
