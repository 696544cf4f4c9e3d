"""The benchmark of clusters that lose workers, on a few pictures."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.cluster_kills import main

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # dask's own


def test_a_killed_worker_and_scheduler_lose_nothing() -> None:
    options = {"pictures": 16, "seconds": 0.25, "workers": 2, "every": 2, "restarts": 1}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["workers killed"] >= 1
    assert found["pictures not exactly once in the table"] == 0
    assert found["files that are not of an undisturbed run"] == 0
