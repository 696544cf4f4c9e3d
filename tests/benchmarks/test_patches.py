"""The benchmark of patches: a figure of every picture."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from benchmarks import patches


def test_it_counts_all_pictures(data_folder: Path) -> None:
    search = "evidence?starts=8,keep=2,steps=4,rank=8,retries=0,leaps=0,finish=0,doubt=0"
    options = ["--json", "--images", "1", "--patches", "60", "--solver", search]
    made = CliRunner().invoke(patches.main, options, catch_exceptions=False)
    figures = json.loads(made.output)
    assert figures["pictures"] == 1 and figures["blurry, PSNR in dB"] > 15
    assert figures["worse than the input"] in (0, 1) and figures["doubtful"] == 0
