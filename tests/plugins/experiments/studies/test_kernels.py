"""``invkit bench kernels`` on a few kernels of the shipped families."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.errors import InputError
from invkit.metrics import kernel_ncc
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.studies.kernels import AUTHORS, DECODER, KERNELS, _truth

Captured = pytest.CaptureFixture[str]


def test_figures_are_those_of_the_metric(tmp_path: Path, capsys: Captured) -> None:
    command = [
        "bench",
        "kernels",
        "--images",
        "12",
        "--steps",
        "40",
        "--methods",
        "blurA",
        "--out",
        str(tmp_path),
    ]
    assert main([*command, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    prior, truth = invkit.prior("vae:blurA"), invkit.dataset("blurA").take(torch.arange(12), "test")
    ncc = kernel_ncc(prior(prior.encode(truth)), truth)
    assert row["kernels"] == 12
    assert row["encoded"] == pytest.approx(ncc.mean().item(), abs=1e-6)
    assert row["encoded_5_percent"] == pytest.approx(ncc.quantile(0.05).item(), abs=1e-6)
    assert row["drawn"] > 0.9 < row["held_out"] <= 1
    assert row["closest"] > row["encoded"] and row["closest_5_percent"] > row["encoded_5_percent"]


def test_the_authors_kernels(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (data_folder / "asim2020").is_dir():
        pytest.skip("no asim2020 in the data folder")
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    assert KERNELS.identity(AUTHORS, Settings(9))["data"]
    truth = _truth(AUTHORS, 2000)
    assert truth.shape == (130, 1, 28, 28)
    assert truth.sum((1, 2, 3)).sub(1).abs().max() < 1e-3 and truth.min() >= 0


def test_the_authors_kernels_are_left_out_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    KERNELS.check(Settings(3))
    with pytest.raises(InputError, match="asim2020"):
        KERNELS.check(Settings(3), [AUTHORS])


def test_families_have_methods_of_their_names() -> None:
    for method in set(KERNELS.methods) - {AUTHORS, DECODER}:
        assert invkit.dataset(method).splits["test"] >= KERNELS.count
