"""The benchmark of versions asks both interpreters in turns and compares what they say. Nothing is solved."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner

from benchmarks import versions

#: takes 2 s an image, or 4 s where it is the other version, and adds less the longer it takes
WORKER = """
import os, sys
import numpy as np
sys.stdin.readline()
seconds = 2.0 if "PYTHONPATH" in os.environ else 4.0
print(1.5, flush=True)
for line in sys.stdin:
    source, target = line.rstrip("\\n").split("\\t")
    np.save(target, np.load(source) + 0.4 / seconds)
    print(seconds, flush=True)
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    monkeypatch.setattr(versions, "WORKER", worker)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    image = torch.full((1, 1, 4, 4), 0.5)
    source = SimpleNamespace(one=lambda index, seed: SimpleNamespace(x=image, y=image))
    monkeypatch.setattr(versions, "Drawn", lambda *_, **__: source)
    return worker


def test_times_and_images_are_compared(fake: Path) -> None:
    result = CliRunner().invoke(versions.main, ["--other", sys.executable, "--images", "2", "--json"])
    assert result.exit_code == 0, result.output
    faces, numbers = json.loads(result.stdout)
    assert faces["the other's over ours, median"] == numbers["the other's over ours, in all"] == 2
    assert faces["CPU s of loading, ours"] == 1.5
    assert faces["PSNR, ours"] == pytest.approx(13.98, abs=0.01)
    assert faces["PSNR, the other"] == pytest.approx(20.0, abs=0.01)
    assert faces["images that lose more than 3 dB"] == 2 and faces["images that gain more than 3 dB"] == 0


def test_an_interpreter_that_fails_is_named(fake: Path) -> None:
    fake.write_text("raise SystemExit(1)")
    result = CliRunner().invoke(versions.main, ["--other", sys.executable, "--images", "2"])
    assert result.exit_code == 1 and f"{sys.executable} has ended" in result.output
