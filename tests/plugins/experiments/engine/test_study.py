"""Studies: rows, cells kept one by one, resuming, what is left out, on packaged digits and quick methods."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import attrs
import pytest
import torch

from invkit.errors import InputError, OutputError, UsageError
from invkit.metrics import psnr
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.kept import Kept
from invkit_experiments.output.panels import decoded
from invkit_experiments.output.report import Report
from invkit_experiments.output.watching import Watcher
from tests.plugins.experiments.small import SMALL, Halved


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Halved, "runs", [])


def test_rows_are_means_over_images_beside_what_was_printed(small_report: Report) -> None:
    study, outcome = SMALL, small_report
    assert [(row["case"], row["method"]) for row in outcome.rows] == [
        ("straight", "blurry"),
        ("straight", "halved"),
        ("mixed", "blurry"),
        ("mixed", "halved"),
    ]
    halved = outcome.rows[1]
    truth = [study.cases[0].source.one(index, 0) for index in range(3)]
    found = torch.cat([psnr(0.5 * one.y + 0.25, one.x) for one in truth])
    assert halved["images"] == 3 and halved["psnr"] == pytest.approx(found.double().mean().item())
    assert halved["psnr_worst"] == pytest.approx(found.min().item())
    assert halved["each"]["psnr"] == pytest.approx(found.tolist())
    assert halved["printed_psnr"] == 12.5 and "printed_psnr" not in outcome.rows[3]
    assert halved["ncc"] == pytest.approx(1) and outcome.rows[0]["ncc"] is None
    assert halved["seconds"] == 2 and len(outcome.gallery.cells) == 12 and not outcome.left_out


def test_all_methods_see_an_image_before_any_sees_the_next(tmp_path: Path) -> None:
    SMALL.run(Settings(3), Kept(tmp_path))
    assert Halved.runs == [(blur, index) for index in range(3) for blur in ("blurA", "blurB")]


def test_finished_cells_survive_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Halved, "stop_at", 1)
        with pytest.raises(KeyboardInterrupt):
            SMALL.run(Settings(3), Kept(tmp_path))
    assert Halved.runs == [("blurA", 0), ("blurB", 0)]
    resumed = SMALL.run(Settings(3), Kept(tmp_path))
    assert len(Halved.runs) == 6 and len({*Halved.runs}) == 6
    assert resumed == SMALL.run(Settings(3), Kept(tmp_path / "another"))


def test_more_images_keep_those_that_are_there(tmp_path: Path) -> None:
    few = SMALL.run(Settings(1), Kept(tmp_path))
    many = SMALL.run(Settings(2), Kept(tmp_path))
    assert len(Halved.runs) == 4
    assert [row["each"]["psnr"][0] for row in many.rows] == [row["psnr"] for row in few.rows]
    SMALL.run(Settings(2, seed=1), Kept(tmp_path))
    SMALL.run(Settings(2, steps=5), Kept(tmp_path))
    assert len(Halved.runs) == 12


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process to kill")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_process_loses_one_cell_at_most(tmp_path: Path) -> None:
    """SIGKILL in the middle: what is on disk is whole, and the next run uses it."""
    cells, recover = tmp_path / "small", Halved.recover
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)  # a forked process has none of the threads of its parent
            Halved.recover = lambda *given: (time.sleep(0.1), recover(*given))[1]
            SMALL.run(Settings(8), Kept(tmp_path))
        finally:
            os._exit(1)
    deadline = time.monotonic() + 60
    while len([*cells.rglob("halved-*.json")]) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    kept = len([*cells.rglob("halved-*.json")])
    assert 2 <= kept < 16
    assert all(json.loads(path.read_text())["row"]["figures"] for path in cells.rglob("*.json"))
    SMALL.run(Settings(8), Kept(tmp_path))
    assert len(Halved.runs) == 16 - kept


def test_what_cannot_run_is_left_out_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Halved, "missing", "no weights")
    outcome = SMALL.run(Settings(1), Kept(tmp_path))
    assert {row["method"] for row in outcome.rows} == {"blurry"}
    assert outcome.left_out == dict.fromkeys(("straight/halved", "mixed/halved"), "no weights; get it")
    with pytest.raises(InputError, match="no weights"):
        SMALL.run(Settings(1), Kept(tmp_path), ["straight/halved"])
    with pytest.raises(InputError, match="no weights"):
        SMALL.check(Settings(1), ["halved"])  # nothing is left that could be run


def test_a_method_that_fails_on_the_way_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Halved, "failing", "a shape it cannot take")
    outcome = SMALL.run(Settings(2), Kept(tmp_path))
    assert [row["images"] for row in outcome.rows] == [2, 2]
    assert {*outcome.left_out.values()} == {"a shape it cannot take"}
    with pytest.raises(InputError, match="a shape"):
        SMALL.run(Settings(2), Kept(tmp_path), ["mixed/halved"])


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr(Kept, "write", full)
    with pytest.raises(OutputError, match="no space"):
        SMALL.run(Settings(1), Kept(tmp_path))


@pytest.mark.parametrize(
    ("named", "rows"),
    [
        ((), ("straight/blurry", "straight/halved", "mixed/blurry", "mixed/halved")),
        (("halved",), ("straight/halved", "mixed/halved")),
        (("mixed",), ("mixed/blurry", "mixed/halved")),
        (("mixed/halved", "straight"), ("straight/blurry", "straight/halved", "mixed/halved")),
    ],
)
def test_choosing(named: tuple[str, ...], rows: tuple[str, ...]) -> None:
    assert SMALL.choose(named) == rows


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match="did you mean 'halved'"):
        SMALL.choose(["halve"])


def test_more_images_than_there_are(tmp_path: Path) -> None:
    outcome = SMALL.run(Settings(1000), Kept(tmp_path), ["straight/blurry"])
    assert outcome.rows[0]["images"] == 12


def test_the_watcher_hears_of_every_cell(tmp_path: Path) -> None:
    class Hearing(Watcher):
        def __init__(self) -> None:
            self.heard: list[tuple[str, bool]] = []

        def start(self, row: str, *, there: bool) -> None:
            self.heard.append((row, there))

    first, second = Hearing(), Hearing()
    SMALL.run(Settings(1), Kept(tmp_path), ["straight"], first)
    SMALL.run(Settings(2), Kept(tmp_path), ["straight"], second)
    assert first.heard == [("straight/blurry", False), ("straight/halved", False)]
    assert [there for _, there in second.heard] == [True, True, False, False]


def test_mixed_cases_share_the_images_and_end_with_a_row_over_all(tmp_path: Path) -> None:
    """Three images for two cases: two and one; a method of one case alone has no row over all."""
    mixed = attrs.evolve(SMALL, mixed=True)
    rows = {(row["case"], row["method"]): row for row in mixed.run(Settings(3), Kept(tmp_path)).rows}
    assert [rows[case, "halved"]["images"] for case in ("straight", "mixed", "all")] == [2, 1, 3]
    each = [value for case in ("straight", "mixed") for value in rows[case, "halved"]["each"]["psnr"]]
    assert rows["all", "halved"]["psnr"] == pytest.approx(sum(each) / 3)
    assert rows["all", "halved"]["psnr_worst"] == min(each)
    assert [*rows][-2:] == [("all", "blurry"), ("all", "halved")]
    only = mixed.run(Settings(1), Kept(tmp_path), ["mixed/halved"]).rows
    assert [(row["case"], row["images"]) for row in only] == [("mixed", 1)]


def test_pictures_are_kept_as_their_middle_if_the_study_says_so(tmp_path: Path) -> None:
    report = attrs.evolve(SMALL, kept_side=11).run(Settings(1), Kept(tmp_path), ["straight/halved"])
    (cell,) = report.gallery.cells
    one = SMALL.cases[0].source.one(0, 0)
    assert decoded(cell.pictures["x"]).shape == (1, 11, 11)
    assert decoded(cell.pictures["x"]) == pytest.approx(one.x[0, :, 8:19, 8:19].numpy(), abs=1 / 255)
