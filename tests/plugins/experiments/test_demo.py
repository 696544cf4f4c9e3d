"""``invkit demo`` as a user runs it: on the shipped priors, without data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from invkit.cli.main import main
from invkit_experiments.studies.demonstration import deblur, panel_rows

Captured = pytest.CaptureFixture[str]

#: few enough candidates for a test, enough of them for every digit
SHORT = "altgd?steps=240,restarts=48,keep=6+2+1"


def test_digits_are_recovered_blind_by_the_shipped_priors(tmp_path: Path, capsys: Captured) -> None:
    assert main(["demo", "--out", str(tmp_path), "--digits", "3", "--solver", SHORT]) == 0
    shown = capsys.readouterr().out
    record = json.loads((tmp_path / "demo.json").read_text())
    blurry, recovered = record["mean"]["blurry"], record["mean"]["recovered"]
    assert recovered["psnr"] >= blurry["psnr"] + 7
    assert recovered["ssim"] > blurry["ssim"]
    assert recovered["kernel_ncc"] >= 0.95
    assert record["gain_psnr"] == pytest.approx(recovered["psnr"] - blurry["psnr"], abs=1e-4)
    assert [each["digit"] for each in record["digits"]] == [0, 1, 2]
    assert all(each["status"] == "max_iter" for each in record["digits"])
    lines = shown.splitlines()
    assert lines[1].split()[0] == "digit"
    assert [line.split()[0] for line in lines[2:6]] == ["0", "1", "2", "mean"]
    assert f"{blurry['psnr']:.2f} → {recovered['psnr']:.2f}" in lines[5]
    assert f"{record['gain_psnr']:+.2f} dB" in shown and str(tmp_path / "demo.png") in shown
    with Image.open(tmp_path / "demo.png") as picture:
        # three rows and seven columns of digits of 28 pixels, each drawn several times as large
        assert picture.height > 3 * 100 and picture.width > 7 * 100


def test_the_seed_decides_everything_but_the_time(tmp_path: Path, capsys: Captured) -> None:
    def figures(seed: int) -> object:
        arguments = [
            "demo",
            "--out",
            str(tmp_path),
            "--digits",
            "1",
            "--solver",
            "altgd?steps=6,restarts=2,keep=2",
        ]
        assert main([*arguments, "--seed", str(seed), "--json"]) == 0
        return json.loads(capsys.readouterr().out)["digits"]

    first = figures(5)
    assert figures(5) == first != figures(6)


def test_it_needs_no_data_and_json_is_all_there_is_on_stdout(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path / "nothing"))
    out = tmp_path / "out"
    command = ["demo", "--out", str(out), "--digits", "2", "--solver", "altgd?steps=2,restarts=2,keep=1"]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((out / "demo.json").read_text())
    assert printed == {"out": str(out), **written}
    prior = written["config"]["priors"][1]
    assert prior["name"] == "mnist" and len(prior["sha256"]) == 64
    assert written["modulo"] == ["scaling", "shift"] and written["sigma"] == 0.01
    assert sorted(path.name for path in out.iterdir()) == ["demo.json", "demo.png"]


def test_an_interrupted_solve_shows_the_best_so_far(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invkit_altgd import descent

    steps = []

    def step(self: descent.Step, *arguments: object) -> object:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return original(self, *arguments)

    original = descent.Step.__call__
    monkeypatch.setattr(descent.Step, "__call__", step)
    command = ["demo", "--out", str(tmp_path), "--digits", "1", "--solver", "altgd?steps=9,restarts=1,keep=1"]
    assert main(command) == 130
    captured = capsys.readouterr()
    assert "interrupted" in captured.err and "interrupted" in captured.out
    assert (tmp_path / "demo.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--digits", "0"], 2, "--digits"),
        (["--digits", "13"], 2, "--digits"),
        (["--seed", "-1"], 2, "--seed"),
        (["--solver", "altgt"], 3, "did you mean 'altgd'?"),
        (["--solver", "altgd?stepps=3"], 3, "did you mean 'steps'?"),
        (["surplus"], 2, "surplus"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: list[str], code: int, says: str, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["demo", "--out", str(tmp_path / "out"), *arguments]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and says in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_shows_before_the_work(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 3
    assert capsys.readouterr().err.startswith("invkit: error: cannot write to the folder")


def test_the_panel_has_what_its_columns_say(tmp_path: Path) -> None:
    import torch

    import invkit
    from invkit_experiments.studies.demonstration import prepare

    pipeline = invkit.compose("circconv", ["vae:blurA", "vae:mnist"], "altgd?steps=2,restarts=2,keep=1")
    blurred, labels = prepare(pipeline.operator, 2, seed=0)
    recovered = deblur(pipeline, blurred)
    rows = panel_rows(recovered)
    titles = [label.partition("\n")[0] for label, _ in rows[1]]
    assert labels == [0, 1] and len(rows) == 2
    assert titles == ["blurry", "recovered", "true", "kernel", "true kernel", "re-blurred", "residual"]
    assert torch.equal(rows[1][2][1], blurred.x[1]) and torch.equal(rows[1][0][1], blurred.y[1])
    # one scale for all residuals: the captions agree
    assert rows[0][-1][0] == rows[1][-1][0]
