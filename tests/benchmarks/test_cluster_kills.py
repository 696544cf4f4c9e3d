"""The benchmark of clusters, on a few pictures: the scheduler is killed once.

Workers that are killed are in tests/batch/test_cluster.py: where they are killed every so many seconds, a
slow machine would never come to an end.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.cluster_kills import main

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # dask's own


def test_a_killed_scheduler_loses_nothing() -> None:
    options = {"pictures": 12, "seconds": 0.5, "workers": 1, "every": 10_000, "restarts": 1}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["runs that ended with an error"] == 1
    assert found["pictures not exactly once in the table"] == 0
    assert found["files that are not of an undisturbed run"] == 0
