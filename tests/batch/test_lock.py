"""A folder is one run's at a time, and what a killed run leaves half written is removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from invkit.batch.lock import Lock
from invkit.errors import OutputError

HOLD = """
import sys
from pathlib import Path
from invkit.batch.lock import Lock
with Lock(Path(sys.argv[1])) as lock:
    lock.scratch("half").write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"another run writes to .*: process {process.pid} on "):
            Lock(tmp_path).__enter__()
        process.kill()
    assert (tmp_path / ".run" / "half").exists()
    with Lock(tmp_path) as lock:
        assert [path.name for path in (tmp_path / ".run").iterdir()] == ["lock"]
        lock.place("a", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_parts_of_a_run_share_a_folder(tmp_path: Path) -> None:
    with Lock(tmp_path, ".run-1-of-2"), Lock(tmp_path, ".run-2-of-2"):
        pass
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_where_nothing_was_written(tmp_path: Path) -> None:
    with Lock(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()


def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        before = lock.place("a", b"before")
        assert before == [6, (tmp_path / "a").stat().st_mtime_ns]
        with pytest.raises(OutputError, match="cannot write"):
            lock.place("x" * 300, b"after")
        lock.scratch("a").mkdir()
        with pytest.raises(OutputError, match=os.strerror(21)):
            lock.place("a", b"after")
    assert (tmp_path / "a").read_bytes() == b"before"
