"""What ``invkit deblur`` says of a run: progress and remarks on stderr, a table or records on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.blurred import deblur, write_blurry

Captured = pytest.CaptureFixture[str]


def test_json_is_short_unless_it_shall_be_full(
    tmp_path: Path, quick: list[str | Path], capsys: Captured
) -> None:
    (image,) = write_blurry(tmp_path, "digit.npy")
    assert deblur(image, *quick, "--json") == 0
    (short,) = json.loads(capsys.readouterr().out)["images"]
    written = json.loads((tmp_path / "out" / "digit.json").read_text())
    assert short["restarts"] == {"count": 2, "winner": short["restarts"]["winner"]}
    assert short.items() <= written.items() and not {"config", "stats", "sha256"} & set(short)
    assert deblur(image, *quick, "--json", "--full") == 0  # finished without the figures of every restart
    (full,) = json.loads(capsys.readouterr().out)["images"]
    assert len(full["restarts"]["objective"]) == 2 and short["files"] == full["files"]
    assert deblur(image, *quick, "--json", "--full") == 0
    assert json.loads(capsys.readouterr().out)["finished_before"] == 1
    assert full == json.loads((tmp_path / "out" / "digit.json").read_text())


def test_a_doubtful_image_says_so_and_is_no_failure(tmp_path: Path, capsys: Captured) -> None:
    """``doubt=1``: nothing is sure enough."""
    (image,) = write_blurry(tmp_path, "digit.png")
    priors = ("--prior", "trajectory", "--prior", "spectrum")
    solver = "evidence?starts=4,keep=2,steps=2,doubt=1,retries=0,leaps=0,finish=0"
    assert deblur(image, *priors, "--solver", solver, "--out", tmp_path / "out") == 0
    assert "doubtful" in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "digit.json").read_text())
    assert record["status"] == "doubtful" and 0 <= record["confidence"] < 1 and record["noise"] > 0


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_on_stderr(
    quiet: bool, tmp_path: Path, quick: list[str | Path], capsys: Captured
) -> None:
    images = write_blurry(tmp_path, "a.png", "b.png")
    assert deblur(*images, *quick, *(["--quiet"] if quiet else [])) == 0
    out, err = capsys.readouterr()
    assert err == ("" if quiet else f"[1/2] {images[0]}\n[2/2] {images[1]}\n")
    assert len(out.splitlines()) == 4 and out.splitlines()[-1].startswith("max_iter: the usual end")


@pytest.mark.parametrize("quiet", [False, True])
def test_a_remark_of_the_solver_is_said(quiet: bool, tmp_path: Path, capsys: Captured) -> None:
    """The confidence is by a law that was not fitted to these images."""
    (image,) = write_blurry(tmp_path, "digit.png")
    priors = ("--prior", "trajectory", "--prior", "spectrum")
    solver = "evidence?starts=4,keep=2,steps=2,retries=0,leaps=0,finish=0"
    options = (*priors, "--solver", solver, "--out", tmp_path / "out", *(["--quiet"] if quiet else []))
    assert deblur(image, *options) == 0
    said = json.loads((tmp_path / "out" / "digit.json").read_text())["notes"]["remark"]
    assert "faces" in said
    assert capsys.readouterr().err == ("" if quiet else f"invkit: {image}: {said}\n")
