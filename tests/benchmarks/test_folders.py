"""The benchmark of folders: its solver gives back the pictures, and all figures are there."""

from __future__ import annotations

import json

from click.testing import CliRunner

from benchmarks.folders import main


def test_it_runs_and_reports() -> None:
    result = CliRunner().invoke(main, ["--pictures", "20", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["overhead"]
    assert found["pictures"] == 20 and found["ms a picture (CPU)"] > 0
