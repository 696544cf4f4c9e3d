"""The benchmark of unmixing: it runs, and a scene is read as its abundances fit it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import unmixing


@pytest.mark.parametrize("name", ["jasper", "samson"])
def test_the_order_of_the_pixels_fits(data_folder: Path, name: str) -> None:
    y, (w, x) = unmixing.scene(name)
    spectra = w / w.max(0)
    mixed = spectra @ x
    bright = (mixed * y).sum(0) / np.square(mixed).sum(0)
    assert np.linalg.norm(y - bright * mixed) < 0.07 * np.linalg.norm(y)


def test_it_measures_and_compares(data_folder: Path) -> None:
    options = ["--scene", "samson", "--seeds", "1", "--pixels", "0.1", "--json"]
    found = CliRunner().invoke(unmixing.main, options)
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert figures["ours: purest, ice"]["spectral angle, mrad"] < 100
    assert figures["true endmembers, of maximum 1, NNLS"]["abundance RMSE, %"] < 2
