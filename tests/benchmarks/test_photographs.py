"""The benchmark of photographs runs on a small one, drawn and deblurred in processes of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import photographs


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one sharp picture of squares."""
    squares = np.random.default_rng(0).integers(0, 255, (12, 18, 3), dtype=np.uint8)
    (tmp_path / "photographs" / "large").mkdir(parents=True)
    picture = Image.fromarray(np.kron(squares, np.ones((16, 16, 1), np.uint8)))
    picture.save(tmp_path / "photographs" / "large" / "squares.jpg")
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    return tmp_path / "photographs"


def test_a_picture_has_the_size_asked_for(data: Path, tmp_path: Path) -> None:
    photographs.draw(tmp_path / "small.png", data, 6_000, seed=0)
    with Image.open(tmp_path / "small.png") as picture:
        assert picture.mode == "RGB" and picture.width * picture.height == pytest.approx(6_000, rel=0.05)
        assert picture.width / picture.height == pytest.approx(1.5, rel=0.05)


def test_without_a_picture_it_says_where_one_would_be(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="INVKIT_DATA"):
        photographs.draw(tmp_path / "small.png", tmp_path, 6_000, seed=0)


def test_a_process_is_measured_by_itself() -> None:
    code = "x = bytearray(300_000_000); x[::4096] = bytes(len(x[::4096])); raise SystemExit(5)"
    large, small = (photographs.cost([sys.executable, "-c", each]) for each in (code, "pass"))
    assert large.code == 5 and small.code == 0
    assert large.peak > max(290, small.peak + 50)
    assert 0 < small.cpu < 10 and small.wall > 0


def test_the_command_is_measured_at_each_size(data: Path) -> None:
    quick = ["--solver=darkprior?rounds=1,dark=false", "--prior=blind?size=9", "--prior=identity"]
    options = [f"--option={each}" for each in quick]
    result = CliRunner().invoke(photographs.main, ["--megapixels=0.004", *options, "--json"])
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert report["megapixels"] == 0.004 and report["CPU seconds"] > 0 and report["peak memory, MB"] > 50


def test_a_failed_command_is_no_measurement(data: Path) -> None:
    result = CliRunner().invoke(photographs.main, ["--megapixels=0.004", "--option=--solver=no-such"])
    assert result.exit_code == 1 and "ended with 3" in result.output
