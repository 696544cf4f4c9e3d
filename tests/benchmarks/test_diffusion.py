"""The benchmark of posterior samples runs, and knows a good deviation from a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import diffusion


def test_it_measures_and_compares(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = "evidence?draws=2,starts=24,keep=8x4x2,leaps=0,retries=0"
    monkeypatch.setattr(diffusion, "EVIDENCE", quick)
    arguments = ["--images", "1", "--solver", "diffusion?draws=2,steps=2,inner=1", "--json"]
    found = CliRunner().invoke(diffusion.main, arguments)
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    own = [each for each in figures.values() if isinstance(each, dict)]
    assert len(own) == 5
    for each in own:
        assert 0 < each["pixels within 1.645 deviations, %"] < 100
    for solver in ("evidence", "diffusion"):
        assert figures[f"true kernel, {solver}"]["PSNR in dB"] > figures["blurry, PSNR in dB"]
