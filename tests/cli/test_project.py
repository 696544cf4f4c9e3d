"""``invkit project``: pictures and figures for every image, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.files.images import read_image, write_image


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    folder = tmp_path / "digits"
    folder.mkdir()
    images = invkit.dataset("mnist-sample").take(torch.arange(2), "test")
    for number, image in enumerate(images):
        write_image(folder / f"{number}.png", image.numpy())
    return folder


QUICK = ["--prior", "vae:mnist", "--steps", "30", "--restarts", "1"]


def test_pictures_and_a_table(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["project", str(digits), *QUICK, "--out", str(tmp_path / "out")]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["0_panel.png", "0_range.png", "1_panel.png", "1_range.png"]
    assert "PSNR" in capsys.readouterr().out
    near, truth = read_image(tmp_path / "out" / "0_range.png"), read_image(digits / "0.png")
    assert invkit.metrics.psnr(near, truth) > 20


def test_json_has_the_figures_of_the_function(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["project", str(digits / "0.png"), *QUICK, "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["images"]
    found = invkit.project(invkit.prior("vae:mnist"), read_image(digits / "0.png"), steps=30, restarts=1)
    assert record["psnr"] == pytest.approx(found.psnr.item())


def test_a_bad_image_does_not_stop_the_others(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (digits / "bad.png").write_bytes(b"no picture")
    write_image(digits / "large.png", np.zeros((1, 30, 30)))
    assert main(["project", str(digits), *QUICK]) == 1
    shown = capsys.readouterr()
    assert "bad.png" in shown.err and "large.png" in shown.err and shown.out.count(" dB") == 2


@pytest.mark.parametrize("as_json", [True, False])
def test_a_picture_that_is_in_range_exactly(
    as_json: bool, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--prior", "identity", "--steps", "1", "--restarts", "1", *(["--json"] if as_json else [])]
    assert main(["project", str(digits / "0.png"), *options]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    if as_json:
        assert json.loads(shown.out)["images"][0]["psnr"] is None
    else:
        assert "exact" in shown.out


def test_results_never_replace_an_image(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(digits / "0_range.png", np.zeros((1, 28, 28)))
    before = {path.name: path.read_bytes() for path in digits.iterdir()}
    assert main(["project", str(digits), *QUICK, "--out", str(digits)]) == 2
    assert "is the folder of the images" in capsys.readouterr().err
    names = [str(digits / name) for name in ("0.png", "0_range.png")]
    assert main(["project", *names, *QUICK, "--out", str(digits)]) == 2
    assert "would replace" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in digits.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--prior", "vae:mnist"], 2, "IMAGE_OR_FOLDER"),
        (["missing.png", "--prior", "vae:mnist"], 3, "missing.png"),
        (["missing.png"], 2, "--prior"),
        (["missing.png", "--prior", "vae:mnst"], 3, "mnist"),
        (["missing.png", "--prior", "vae:mnist", "--restarts", "0"], 2, "--restarts"),
        (["missing.png", "--prior", "vae:mnist", "--weight", "-1"], 2, "--weight"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["project", *arguments]) == code
    assert says in capsys.readouterr().err


def test_a_picture_of_another_size_is_refused_by_its_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invkit.files.images.read_picture", lambda *a, **k: pytest.fail("it was read"))
    (tmp_path / "notes.txt").write_text("passed over")
    write_image(tmp_path / "a.png", np.zeros((30, 40)))
    assert main(["project", str(tmp_path), "--prior", "vae:mnist"]) == 3
    err = capsys.readouterr().err
    assert "30×40 pixels" in err and "notes.txt: no image (.txt)" in err
