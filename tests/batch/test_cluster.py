"""Runs on a cluster of dask: the files of a plain run, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import invkit
from benchmarks._small_pictures import giving_back
from invkit.batch.cluster import parts_of
from tests.batch.test_mapping import contents
from tests.batch.trivial import trivial, write_pictures

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # dask's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 60}
    with distributed.LocalCluster(**options) as made:
        yield made


def indexed(folder: Path) -> list[str]:
    lines = [line for path in folder.glob("records*.jsonl") for line in path.read_text().splitlines()]
    return sorted(json.loads(line)["files"]["record"] for line in lines)


def sharp(folder: Path) -> dict[str, bytes]:
    return {name: made for name, made in contents(folder).items() if not name.endswith((".json", ".toml"))}


def test_a_cluster_gives_what_one_process_gives(cluster: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 4, white=[1])
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    pipeline = trivial(mishap="kill")
    invkit.map(trivial(), tmp_path / "in", tmp_path / "plain", jobs=1)
    report = invkit.map(pipeline, tmp_path / "in", tmp_path / "out", cluster=cluster.scheduler_address)
    assert (report.solved, report.of, report.status) == (3, 5, {"max_iter": 3})
    why = {Path(each.source).name: str(each) for each in report.failed}
    assert set(why) == {"01.png", "bad.png"} and "ended by signal 9" in why["01.png"]
    plain = {name: made for name, made in sharp(tmp_path / "plain").items() if not name.startswith("01")}
    assert sharp(tmp_path / "out") == plain
    assert indexed(tmp_path / "out") == ["00.json", "02.json", "03.json"]
    again = invkit.map(pipeline, tmp_path / "in", tmp_path / "out", cluster=cluster.scheduler_address)
    assert (again.solved, again.kept) == (0, 3)


def test_a_worker_that_is_killed_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 6)
    killed: list[int] = []

    def kill() -> None:
        with distributed.Client(cluster.scheduler_address) as client:
            while not list((tmp_path / "out").glob("*.json")):
                time.sleep(0.05)
            worker = next(iter(client.run(os.getpid).values()))
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    thread = threading.Thread(target=kill)
    thread.start()
    report = invkit.map(trivial(), tmp_path / "in", tmp_path / "out", cluster=cluster.scheduler_address)
    thread.join()
    assert killed and report.solved + report.kept == 6 and not report.failed
    assert indexed(tmp_path / "out") == [f"{number:02d}.json" for number in range(6)]


def busy() -> int:
    """On a worker: the processes that solve there."""
    from invkit.batch.cluster import _crews

    return len(_crews)


def test_ctrl_c_ends_what_is_being_solved(cluster: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 3)

    def interrupt() -> None:
        while not any(client.run(busy).values()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    with distributed.Client(cluster.scheduler_address) as client:
        thread = threading.Thread(target=interrupt)
        thread.start()
        endless = giving_back(seconds=600)
        report = invkit.map(endless, tmp_path / "in", tmp_path / "out", cluster=cluster.scheduler_address)
        thread.join()
        assert report.interrupted and report.solved == 0
        end = time.monotonic() + 60
        while any(client.processing().values()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(client.processing().values()) and not any(client.run(busy).values())
    assert not list((tmp_path / "out").glob("*.json"))
    again = invkit.map(giving_back(), tmp_path / "in", tmp_path / "out", cluster=cluster.scheduler_address)
    assert again.solved == 3


def test_the_number_of_parts() -> None:
    assert [parts_of(n) for n in (1, 256, 1000, 1_000_000)] == [1, 256, 256, 4000]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cluster": "nowhere"}, "cluster=nowhere is no cluster; write tcp://host:port"),
        ({"cluster": "local:0"}, "no cluster"),
        ({"cluster": "local:1", "jobs": 2}, "leave jobs, shard and again out"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 1)
    with pytest.raises(invkit.InputError, match=says):
        invkit.map(trivial(), tmp_path / "in", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
