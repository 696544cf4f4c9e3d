"""The benchmark of the training engine: both ways take the same steps."""

from __future__ import annotations

import json

import torch
from click.testing import CliRunner

from benchmarks.training import Random, main


def test_it_runs_and_reports() -> None:
    result = CliRunner().invoke(main, ["--recipe", "mnist", "--repeats", "5", "--json"])
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    took = report["milliseconds"]
    assert report["recipe"] == "mnist" and report["batch"] == 128
    assert report["engine / bare"] == took["engine"] / took["bare"] > 0


def test_the_signals_are_pictures() -> None:
    data = Random((3, 8, 8), 5)
    taken = data.take(torch.tensor([0, 4]), "train")
    assert taken.shape == (2, 3, 8, 8) and 0 <= taken.min() < taken.max() <= 1
