"""Worker processes: the same bits as one process, and a process that dies costs one picture."""

from __future__ import annotations

from pathlib import Path

import pytest

import invkit
from invkit.batch import workers
from tests.batch.test_mapping import contents, indexed, records
from tests.batch.trivial import trivial, write_pictures
from tests.cli.blurred import QUICK, write_blurry


def test_two_processes_give_the_bits_of_one(tmp_path: Path) -> None:
    write_blurry(tmp_path / "in", *[f"{number}.png" for number in range(6)])
    pipeline = invkit.compose("circconv", ["trajectory", "identity?penalty=tv"], QUICK)
    for jobs in (1, 2):
        report = invkit.map(pipeline, tmp_path / "in", tmp_path / str(jobs), jobs=jobs)
        assert (report.solved, report.failed) == (6, ())
    one, two = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert one.keys() == two.keys()
    assert all(one[name] == two[name] for name in one if not name.endswith(".json"))
    assert indexed(tmp_path / "2") == records(tmp_path / "2")
    assert invkit.map(pipeline, tmp_path / "in", tmp_path / "2", jobs=1).kept == 6


def test_a_process_that_is_killed_costs_one_picture(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "in", 5, white=[1])
    notes = tmp_path / "notes"
    pipeline = trivial(mishap="kill", notes=str(notes))
    report = invkit.map(pipeline, tmp_path / "in", tmp_path / "out", jobs=2)
    assert report.solved == 4 and notes.stat().st_size == 6  # it was tried twice
    (failed,) = report.failed
    assert failed.source == str(paths[1]) and "ended by signal 9" in failed.reason


def test_a_pipeline_that_does_not_travel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", 2)
    pipeline = trivial()
    monkeypatch.setattr(type(pipeline.solver), "__reduce__", lambda self: (lambda: None, ()))
    with pytest.raises(invkit.InputError, match=r"cannot be sent to worker processes: .*jobs=1"):
        invkit.map(pipeline, tmp_path / "in", tmp_path / "out", jobs=2)
    assert not (tmp_path / "out").exists()


def test_a_class_that_a_worker_cannot_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", 2)
    monkeypatch.setattr(workers.pickle, "dumps", lambda recovery: b"cnowhere\nto_be_found\n.")
    with pytest.raises(invkit.InputError, match="No module named 'nowhere'"):
        invkit.map(trivial(), tmp_path / "in", tmp_path / "out", jobs=2)
