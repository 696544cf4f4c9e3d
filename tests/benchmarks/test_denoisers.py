"""The benchmark of denoisers runs, and says how many pictures its means are over."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from click.testing import CliRunner

from benchmarks import denoisers


def test_it_measures_and_compares(data_folder: Path) -> None:
    found = CliRunner().invoke(denoisers.main, ["--images", "1", "--json"])
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert figures["photographs"] == figures["blurred pictures"] == 1
    assert 20 < figures["deblurring by tv, PSNR in dB"] < 45
    assert figures["noise of 25/255, PSNR in dB"] > 22


def test_luma_of_grey_is_grey() -> None:
    grey = torch.rand(1, 1, 4, 4)
    assert denoisers.luma(grey) is grey
    assert torch.allclose(denoisers.luma(grey.expand(1, 3, 4, 4)), grey)
