"""The benchmark of dictionary learning: what counts as found."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from benchmarks import dictionary_learning


def test_an_atom_is_found_whatever_its_sign_and_length() -> None:
    y, d = (each.numpy() for each in dictionary_learning.drawn(0))
    assert np.allclose(np.linalg.norm(d, axis=0), 1)
    nothing = np.zeros((d.shape[1], y.shape[1]))
    found, cost = dictionary_learning.figures(y, d, (-2 * d[:, ::-1], nothing))
    assert found == 1 and np.isclose(cost, np.square(y).sum())
    assert dictionary_learning.figures(y, d, (d[:, :25], nothing[:25]))[0] < 0.7


def test_it_measures_and_compares() -> None:
    found = CliRunner().invoke(dictionary_learning.main, ["--seeds", "1", "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["ours: palm"]["atoms found"] > 0.95
