"""``invkit bench asim2020`` on a few inputs that follow the published model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.metrics import psnr
from invkit_experiments.asim2020 import PRIORS, Asim2020
from invkit_experiments.published import published
from tests.plugins.experiments.test_published import write

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_ASIM2020", str(tmp_path / "inputs"))
    return write(tmp_path / "inputs", count=2)


def test_the_table(tmp_path: Path, capsys: Captured) -> None:
    arguments = ["--images", "2", "--steps", "6", "--out", str(tmp_path / "out"), "--json"]
    assert main(["bench", "asim2020", *arguments]) == 0
    rows = {row["method"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows) == ["svhn-blurry", "svhn-authors-alg1", "svhn-vae", "svhn-vae-known"]
    data = published("svhn")
    assert rows["svhn-blurry"]["psnr"] == pytest.approx(psnr(data.y, data.x).mean().item())
    # in these files the authors' result is the truth: every figure is perfect
    theirs = rows["svhn-authors-alg1"]
    assert theirs["psnr"] is None and theirs["ssim"] == pytest.approx(1) and theirs["ncc"] > 0.999
    assert rows["svhn-vae"]["images"] == 2 and rows["svhn-vae"]["seconds"] > 0
    assert rows["svhn-vae"]["psnr_aligned"] >= rows["svhn-vae"]["psnr"] - 0.5
    assert len(rows["svhn-vae"]["each"]["ncc_aligned"]) == 2
    assert "ncc" not in rows["svhn-vae-known"]  # nothing was found: the kernel was given


def test_a_row_depends_on_inputs_and_weights(inputs: Path) -> None:
    before = Asim2020().identity("svhn-vae")
    assert Asim2020().identity("svhn-vae") == before
    assert Asim2020(seed=1).identity("svhn-vae") != before
    write(inputs.parent, count=1)
    assert Asim2020().identity("svhn-vae") != before


def test_every_method_has_what_it_names() -> None:
    experiment = Asim2020()
    for method in experiment.methods:
        if method.removesuffix("-known") in PRIORS:
            assert invkit.prior(PRIORS[method.removesuffix("-known")]).latent_shape
        else:
            assert method.endswith(("blurry", "alg1", "alg2"))


def test_real_house_numbers_come_back(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the true kernel, a short run: far better than the measurement, on inputs nobody made up."""
    if not (data_folder / "asim2020").is_dir():
        pytest.skip("no asim2020 in the data folder")
    monkeypatch.setenv("INVKIT_ASIM2020", str(data_folder / "asim2020"))
    experiment = Asim2020(count=2, steps=120)
    before, after = experiment.measure("svhn-blurry"), experiment.measure("svhn-vae-known")
    assert after["psnr"] > before["psnr"] + 3
    assert not torch.isnan(torch.tensor(after["psnr"]))
