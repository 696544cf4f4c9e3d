"""Every study with ``--quick`` on real data: it runs, says what it left out, and writes all of its files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from invkit.cli.main import main
from invkit_experiments.bench import _build
from invkit_experiments.catalogue import EXPERIMENTS
from invkit_experiments.study import Study

STUDIES = [name for name in EXPERIMENTS if isinstance(_build(name, None, 0, None), Study)]
#: nothing here is slow with one image and one step, so nothing may be left out but what is not installed
ALLOWED = ("unknown solver", "unknown prior", "its weights do not travel", "no data", "Pictures in")


@pytest.mark.parametrize("name", STUDIES)
def test_a_quick_look(
    name: str,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    command = ["bench", name, "--quick", "--images", "1", "--steps", "1", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out)
    for row, reason in record["left_out"].items():
        assert any(part in reason for part in ALLOWED), f"{row}: {reason}"
    measured = [f"{row['case']}/{row['method']}" for row in record["rows"]]
    assert {*measured} | {*record["left_out"]} == {*record["methods"]}
    assert all(row["images"] == 1 and math.isfinite(row["psnr"]) for row in record["rows"])
    for kind in ("markdown", "csv", "json", "page"):
        assert Path(record["files"][kind]).stat().st_size > 0
    assert len(record["files"]["panels"]) == len({row["case"] for row in record["rows"]})
    for file in record["files"]["panels"]:
        with Image.open(file) as picture:
            assert picture.width > 300
