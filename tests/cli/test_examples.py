"""``invkit list examples`` and ``invkit examples copy``: what comes with invkit, and copies of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import invkit
from invkit.cli.main import main
from invkit.files.images import read_image

Captured = pytest.CaptureFixture[str]


def test_they_are_listed_with_method_and_terms(capsys: Captured) -> None:
    assert main(["list", "examples", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["examples"]
    assert [record["name"] for record in records] == ["face", "photo", "digit"]
    assert main(["list", "examples"]) == 0
    assert "CC BY-SA 3.0" in capsys.readouterr().out


def test_copies_are_what_python_gives(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "new" / "pictures"
    assert main(["examples", "copy", str(folder), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert sorted(files) == sorted(str(path) for path in folder.iterdir())
    face = invkit.example("face")
    assert np.array_equal(read_image(folder / "face_blurry.png"), face.y)
    assert np.array_equal(np.load(folder / "face_kernel.npy"), face.w)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").touch()
    assert main(["examples", "copy", str(tmp_path / "file")]) in (2, 3)
    assert "file" in capsys.readouterr().err
