"""The benchmark of the baselines runs, with its peer and without; iterates agree. Nothing is timed here."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from benchmarks import baselines
from benchmarks._peers import deepinv_or_none

FEW = ["--steps", "2", "--compared", "10", "--repeats", "1"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SIZES", ((2, 3, 12, 5), (1, 1, 11, 4)))


def test_runs_without_the_peer_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv", None)  # what import finds where a package is not installed
    result = CliRunner().invoke(baselines.main, [*FEW, "--json"])
    assert result.exit_code == 0, result.output
    assert 'pip install --no-deps "deepinv==0.5.*"' in result.stderr
    first, second = json.loads(result.stdout)
    assert first["peer"] is second["peer"] is None
    assert first["milliseconds an iteration"].keys() == {"invkit blindrl"}


def test_prints_a_table_of_the_size_asked_for() -> None:
    result = CliRunner().invoke(baselines.main, [*FEW, "--size", "11"])
    assert result.exit_code == 0, result.output
    assert "invkit blindrl" in result.stdout and "milliseconds an iteration" in result.stdout
    assert "1x11x11" in result.stdout and "3x12x12" not in result.stdout


def test_the_peers_iterates_are_ours() -> None:
    if deepinv_or_none() is None:
        pytest.skip('deepinv is not installed: pip install --no-deps "deepinv==0.5.*"')
    result = CliRunner().invoke(baselines.main, [*FEW, "--json"])
    assert result.exit_code == 0, result.output
    for report in json.loads(result.stdout):
        assert report["difference after 10 iterations"] < 1e-5
