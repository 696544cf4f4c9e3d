"""``invkit bench asim2020`` on a few inputs that follow the published model, and on real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invkit.cli.main import main
from invkit.metrics import psnr
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.kept import Kept
from invkit_experiments.inputs.published import Dev, published
from invkit_experiments.studies.asim2020 import ASIM2020
from tests.plugins.experiments.inputs.test_published import write

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_ASIM2020", str(tmp_path / "inputs"))
    return write(tmp_path / "inputs", count=2)


def test_the_table(tmp_path: Path, capsys: Captured) -> None:
    arguments = ["--images", "9", "--steps", "6", "--out", str(tmp_path / "out"), "--json"]
    chosen = ["--methods", "blurry,authors-alg1,network,network-known"]
    assert main(["bench", "asim2020", *arguments, *chosen]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in record["rows"]}
    assert list(rows) == ["blurry", "authors-alg1", "network", "network-known"]
    assert {*record["left_out"]} >= {"celeba/blurry", "shoes/authors-alg1"}  # those files are not there
    data = published("svhn")
    assert rows["blurry"]["psnr"] == pytest.approx(psnr(data.y, data.x).double().mean().item())
    # in these files the authors' result is the truth: every figure is perfect
    theirs = rows["authors-alg1"]
    assert theirs["psnr"] is None and theirs["ssim"] == pytest.approx(1) and theirs["ncc"] > 0.999
    assert rows["network"]["images"] == 2 and rows["network"]["seconds"] > 0
    assert rows["network"]["psnr_aligned"] >= rows["network"]["psnr"] - 0.5
    assert len(rows["network"]["each"]["ncc_aligned"]) == 2
    assert rows["network-known"]["ncc"] is None  # nothing was found: the kernel was given


def test_a_cell_depends_on_inputs_and_weights(inputs: Path) -> None:
    row, settings = "svhn/network", Settings(12)
    before, source = ASIM2020.identity(row, settings), Dev("svhn").identity(0, 0)
    assert len(before["method"]["pipeline"]["priors"][1]["sha256"]) == 64
    assert ASIM2020.identity(row, settings) == before
    assert ASIM2020.identity(row, Settings(12, seed=1)) != before
    write(inputs.parent, count=1)
    assert Dev("svhn").identity(0, 0) != source


def test_a_result_that_nobody_published(tmp_path: Path, capsys: Captured) -> None:
    write(tmp_path / "inputs", "celeba_dev.npz")  # has no second algorithm
    command = ["bench", "asim2020", "--methods", "celeba/authors-alg2", "--out", str(tmp_path / "out")]
    assert main(command) == 3
    assert "nobody published 'x_hat_alg2'" in capsys.readouterr().err


def test_real_house_numbers_come_back(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default, blind, and with the true kernel, in short runs: far better than the measurement."""
    if not (data_folder / "asim2020").is_dir():
        pytest.skip("no asim2020 in the data folder")
    monkeypatch.setenv("INVKIT_ASIM2020", str(data_folder / "asim2020"))
    rows = [f"svhn/{name}" for name in ("blurry", "network", "network-known")]
    before, *after = ASIM2020.run(Settings(1, steps=80), Kept(tmp_path), rows).rows
    assert all(row["psnr"] > before["psnr"] + 3 for row in after)


def test_the_authors_figures_are_theirs(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their own results on the real files, at the decibels that the files are known for."""
    if not (data_folder / "asim2020" / "celeba_dev.npz").is_file():
        pytest.skip("no asim2020 in the data folder")
    monkeypatch.setenv("INVKIT_ASIM2020", str(data_folder / "asim2020"))
    (row,) = ASIM2020.run(Settings(50), Kept(tmp_path), ["celeba/authors-alg2"]).rows
    assert row["images"] == 40 and row["psnr"] == pytest.approx(27.02, abs=0.01)
