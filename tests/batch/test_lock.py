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


KILLED = """
import os, sys
from pathlib import Path
from invkit.batch.lock import Lock
with Lock(Path(sys.argv[1]), sys.argv[2]) as lock:
    for group in (["a.png", "a.json"], ["b.png", "b.json"]):
        lock.begin(group)
        for name in group:
            lock.place(name, b"")
            if name == "b.png":
                os._exit(9)
"""


def test_a_group_that_is_not_whole_is_removed(tmp_path: Path) -> None:
    """The one before it stays."""
    (tmp_path / "c.png").touch()
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), ".run"]).returncode == 9
    assert (tmp_path / "b.png").exists()
    with Lock(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.png", "c.png"]


def test_a_run_of_another_name_knows_what_a_killed_one_left(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), ".run-2-of-8"], check=False)
    with Lock(tmp_path) as lock:
        assert lock.begun() == {"b.png", "b.json"}


@pytest.mark.parametrize("begun", ["[", "{}", "[1]", '["../out.txt", "b.json"]'])
def test_a_note_of_a_group_that_is_damaged_removes_nothing(begun: str, tmp_path: Path) -> None:
    (tmp_path / "out.txt").touch()
    (tmp_path / "in" / ".run").mkdir(parents=True)
    (tmp_path / "in" / ".run" / "lock").write_text(f"process 1 on x\n{begun}\n")
    with Lock(tmp_path / "in"):
        pass
    assert (tmp_path / "out.txt").exists()


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
