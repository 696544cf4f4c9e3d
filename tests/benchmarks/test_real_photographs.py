"""The table of real photographs: what a record says becomes a row, and its pictures stand side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import real_photographs
from benchmarks.photographs import Cost

RECORD = {
    "shape": [3, 40, 60],
    "status": "doubtful",
    "confidence": 0.123,
    "noise": 0.01,
    "notes": {"gain": 0.5, "scale": 0.7, "family": "disk?largest=20", "radius": 4.125},
}


def test_a_record_becomes_a_row() -> None:
    kernel = np.zeros((1, 9, 9), np.float32)
    kernel[0, 4, 2:7] = 0.2
    found = real_photographs.row("leaf", RECORD, kernel, Cost(12.4, 13, 400.2, 0))
    assert found == [
        *("leaf", "60×40", "doubtful", "0.12", "0.500", "disk radius 4.12", "0.0100", "5", "12", "400")
    ]
    bare = real_photographs.row("leaf", {"shape": [1, 4, 6], "status": "max_iter"}, kernel, Cost(1, 1, 1, 0))
    assert bare[3:7] == ["–"] * 4
    lines = real_photographs.table([found, bare]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1


def test_what_is_faint_is_no_part_of_a_kernel() -> None:
    kernel = np.zeros((9, 9))
    kernel[4, 4], kernel[0, 0], kernel[6, 4] = 1.0, 0.01, 0.1
    assert real_photographs.across(kernel) == 3


def test_the_command_writes_a_table_and_pictures(tmp_path: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    photo = tmp_path / "photo.png"
    Image.fromarray(np.kron(squares, np.ones((6, 6, 1), np.uint8))).save(photo)
    quick = ["--solver=darkprior?rounds=1,dark=false", "--prior=blind?size=9", "--prior=identity"]
    options = [f"--option={each}" for each in quick]
    out = tmp_path / "out"
    result = CliRunner().invoke(real_photographs.main, [str(photo), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    last = (out / "real-photographs.md").read_text("utf-8").splitlines()[-1]
    assert last.startswith("| photo | 54×48 | max_iter |")
    with Image.open(out / "real-photographs" / "photo.png") as picture:
        assert picture.width > 2 * picture.height


def test_a_failed_command_is_no_row(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 40)).save(photo)
    arguments = [str(photo), "--out", str(tmp_path / "out"), "--option=--solver=no-such"]
    result = CliRunner().invoke(real_photographs.main, arguments)
    assert result.exit_code == 1 and "ended with 3 on" in result.output


def test_without_photographs_it_says_where_they_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    result = CliRunner().invoke(real_photographs.main, ["--out", str(tmp_path / "out")])
    assert result.exit_code == 1 and "INVKIT_DATA" in result.output
