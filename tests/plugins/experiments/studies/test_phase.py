"""``invkit bench phase``: its problems, its peers, and a small run with its picture."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from invkit import InputError
from invkit.cli.main import main
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.studies import phase, phase_peers
from invkit_experiments.studies.phase import PHASE, deconvolution


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_trial_is_the_convolution_of_its_signals(dtype: torch.dtype) -> None:
    trial = deconvolution(44, 3, dtype)
    again = deconvolution(44, 3, dtype)
    assert torch.equal(trial.y, again.y) and not torch.equal(trial.y, deconvolution(44, 4, dtype).y)
    tensor = phase_peers.lifted(trial.basis[:, 0].numpy(), phase.SIZE)
    h = trial.w[0, 0, : phase.SIZE].numpy()
    m = trial.priors[1].encode(trial.x)[0].numpy()
    np.testing.assert_allclose(np.einsum("pij,i,j->p", tensor, h, m), trial.y[0, 0].numpy(), atol=1e-10)


def test_a_quarter_of_the_entries_is_spoiled() -> None:
    y = deconvolution(120, 0, torch.complex128).y
    changed = phase.spoiled(y, 5) != y
    assert changed.sum() == 30 and torch.equal(changed, phase.spoiled(y, 5) != y)
    assert not torch.equal(changed, phase.spoiled(y, 6) != y)


def test_the_peer_of_numpy_recovers_an_easy_one() -> None:
    trial = deconvolution(120, 0, torch.complex128)
    w, x = phase._peer("numpy", Settings(1), trial, 0)
    assert phase._outer_error(w, x, trial) < 1e-6


def test_pyproximal_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproximal", None)
    monkeypatch.setitem(sys.modules, "pyproximal.optimization.palm", None)
    with pytest.raises(InputError, match="pip install"):
        PHASE.identity("real/pyproximal", Settings(1))


def test_pyproximal_recovers_an_easy_one() -> None:
    if importlib.util.find_spec("pyproximal") is None:
        pytest.skip("pyproximal is not installed")
    trial = deconvolution(160, 0, torch.float64)
    w, x = phase._peer("pyproximal", Settings(1), trial, 0)
    assert phase._outer_error(w, x, trial) < 0.01


def test_a_quick_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = "real/lm,real/lm-robust,real/numpy"
    command = ["bench", "phase", "--steps", "30", "--images", "1", "--methods", methods]
    assert main([*command, "--out", str(tmp_path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    lm, robust, numpy = record["rows"]
    assert robust["at_3"] == 1 and "at_2" not in robust
    assert lm["at_3"] == 1 and lm["residual"] < 1e-8 and lm["cpu"] > 0 and numpy["method"] == "numpy"
    assert Path(record["files"]["curves"][0]).name == "phase-real.png"
    assert all(Path(path).exists() for path in record["files"]["curves"])
