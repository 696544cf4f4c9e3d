"""The benchmark of the solver runs, and its ways agree. Nothing is timed here."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks import solver

SMALL = ["--candidates", "3", "--restarts", "2", "--steps", "2", "--repeats", "1"]


def test_its_ways_agree_and_are_all_reported() -> None:
    result = CliRunner().invoke(solver.main, [*SMALL, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["milliseconds a step"].keys() == {
        "altgd",
        "straightforward",
        "bare generators",
        "batched",
        "looped",
    }
    assert len(report["ratios"]) == 3
    assert max(report["largest relative difference"].values()) < 1e-4


def test_prints_a_table() -> None:
    result = CliRunner().invoke(solver.main, SMALL)
    assert result.exit_code == 0, result.output
    assert "looped / batched" in result.stdout and "milliseconds a step" in result.stdout


def test_ways_that_disagree_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver.Setting, "straightforward", lambda self: torch.ones(3))
    result = CliRunner().invoke(solver.main, SMALL)
    assert result.exit_code == 1 and "disagree" in result.output
