"""The benchmark of the operators runs, with its peer and without; its ways agree. Nothing is timed here."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from benchmarks.operators import main

SMALL = ["--batch", "2", "--channels", "3", "--size", "12", "--kernel", "6", "--repeats", "1"]


def test_runs_without_the_peer_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv", None)  # what import finds where a package is not installed
    result = CliRunner().invoke(main, [*SMALL, "--json"])
    assert result.exit_code == 0, result.output
    assert 'pip install --no-deps "deepinv==0.5.*"' in result.stderr
    report = json.loads(result.stdout)
    assert report["peer"] is None
    assert report["gradients"]["milliseconds"].keys() >= {"invkit misfit, autograd", "complex FFTs, autograd"}
    assert report["gradients"]["largest relative difference"] < 1e-5


def test_prints_a_table() -> None:
    result = CliRunner().invoke(main, SMALL)
    assert result.exit_code == 0, result.output
    assert "invkit adjoint_w" in result.stdout and "milliseconds" in result.stdout
