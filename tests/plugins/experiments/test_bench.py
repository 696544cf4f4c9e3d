"""The frame of ``invkit bench``: choosing, keeping, resuming, writing, on an experiment made of numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from invkit.cli.main import main
from invkit.errors import InputError, SpecError, UsageError
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import Entry
from invkit_experiments import bench as bench_module
from invkit_experiments.bench import benchmark
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.experiment import Experiment
from invkit_experiments.engine.kept import Kept
from invkit_experiments.engine.study import Study
from invkit_experiments.output.tables import Column, Row, as_csv, markdown

Captured = pytest.CaptureFixture[str]


class Counting:
    """Counts how often each method was measured; stops or fails where it is told to."""

    def __init__(self) -> None:
        self.runs: dict[str, int] = {}
        self.stop_at: str | None = None
        self.missing: str | None = None
        self.failing: tuple[str, ...] = ()

    def depends(self, method: str, settings: Settings) -> Mapping[str, Any]:
        if method == self.missing:
            raise InputError("no data for it")
        return {"count": settings.count, "seed": settings.seed, "shape": (1, 2)}

    def figures(self, method: str, settings: Settings) -> Row:
        if method == self.stop_at:
            raise KeyboardInterrupt
        if method in self.failing:
            raise InputError(f"{method} cannot take it")
        self.runs[method] = self.runs.get(method, 0) + 1
        return {"value": None if method == "two" else settings.count / 3, "runs": self.runs[method]}


METHODS = {"one": "the first", "two": "the second", "three": "the third"}
COLUMNS = (Column("value", "value", ".2f"), Column("runs", "runs", "d"))


@pytest.fixture(autouse=True)
def counting() -> Counting:
    made = Counting()
    described = Experiment(
        name="counting",
        count=7,
        columns=COLUMNS,
        methods=METHODS,
        depends=made.depends,
        figures=made.figures,
    )
    entry = Entry("experiment", "counting", "tests:counting", "counts", "tests", "tests", cls=described)
    default_manager().registry._entries["experiment", "counting"] = entry
    return made


def run(out: Path, *arguments: str) -> int:
    return main(["bench", "counting", "--out", str(out), *arguments])


def test_the_table_is_printed_and_written(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["method", "value", "runs"]
    assert [line.split() for line in lines[1:4]] == [
        ["one", "2.33", "1"],
        ["two", "–", "1"],
        ["three", "2.33", "1"],
    ]
    assert "[2/3] two: the second\n" in captured.err
    table = (tmp_path / "counting.md").read_text()
    assert table.startswith("| method | value | runs |\n| --- | ---: | ---: |\n| one | 2.33 | 1 |\n")
    with (tmp_path / "counting.csv").open(newline="") as stream:
        read = list(csv.DictReader(stream))
    assert float(read[0]["value"]) == 7 / 3 and read[1]["value"] == ""
    record = json.loads((tmp_path / "counting.json").read_text())
    assert record["images"] == 7 and [row["method"] for row in record["rows"]] == ["one", "two", "three"]


def test_json(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path, "--json", "--images", "6", "--methods", "three,one") == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in printed["rows"]] == ["one", "three"] and printed["rows"][0]["value"] == 2
    assert printed["files"]["csv"] == str(tmp_path / "counting.csv")


def test_an_interrupted_run_goes_on_where_it_stopped(
    tmp_path: Path, counting: Counting, capsys: Captured
) -> None:
    counting.stop_at = "three"
    assert run(tmp_path) == 130
    assert not (tmp_path / "counting.md").exists()
    counting.stop_at = None
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert counting.runs == {"one": 1, "two": 1, "three": 1}
    told = capsys.readouterr().err.splitlines()
    assert ["kept" in line for line in told] == [True, True, False]


@pytest.mark.parametrize("other", [["--seed", "1"], ["--images", "8"]])
def test_other_settings_are_measured_anew(tmp_path: Path, counting: Counting, other: list[str]) -> None:
    assert run(tmp_path, "--methods", "one") == 0
    assert run(tmp_path, "--methods", "one", *other) == 0
    assert counting.runs == {"one": 2}
    assert run(tmp_path, "--methods", "one") == 0
    assert counting.runs == {"one": 2}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"row": {}}', '{"identity": {"count": 1}, "row": {}}'])
def test_a_damaged_row_is_measured_anew(tmp_path: Path, counting: Counting, damage: str) -> None:
    assert run(tmp_path, "--methods", "one") == 0
    (file,) = (tmp_path / "counting").iterdir()
    file.write_text(damage)
    assert run(tmp_path, "--methods", "one") == 0
    assert counting.runs == {"one": 2}


def test_kept_rows_are_told_apart_by_all_of_their_identity(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write("e", "m", {"a": 1, "shape": (1, 2)}, {"value": 3})
    assert kept.read("e", "m", {"shape": [1, 2], "a": 1}) == {"value": 3}
    assert kept.read("e", "m", {"a": 2, "shape": (1, 2)}) is None
    assert kept.read("e", "n", {"a": 1, "shape": (1, 2)}) is None


@pytest.mark.parametrize("command", ["demo", "bench"])
def test_help(command: str, capsys: Captured) -> None:
    assert main([command, "--help"]) == 0
    assert f"Usage: invkit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["bench", "digts"], 3, "did you mean 'digits'?"),
        (["bench", "counting", "--methods", "tree"], 2, "did you mean 'three'?"),
        (["bench", "counting", "--methods", ""], 2, "--methods '' has an empty name"),
        (["bench", "counting", "--methods", "one,"], 2, "--methods 'one,' has an empty name"),
        (["bench", "counting", "--images", "0"], 2, "--images"),
        (["bench", "counting", "--steps", "0"], 2, "--steps"),
        (["bench", "counting", "--images", "many"], 2, "--images"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], code: int, says: str, tmp_path: Path, capsys: Captured
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out")]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and says in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_shows_before_the_work(
    tmp_path: Path, counting: Counting, capsys: Captured
) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file") == 3
    assert "cannot write" in capsys.readouterr().err and counting.runs == {}


def test_what_cannot_be_measured_is_left_out_with_its_reason(
    tmp_path: Path, counting: Counting, capsys: Captured
) -> None:
    counting.missing, counting.failing = "one", ("two",)
    assert run(tmp_path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in record["rows"]] == ["three"]
    assert record["left_out"] == {"one": "no data for it", "two": "two cannot take it"}
    assert run(tmp_path, "--methods", "one") == 3 and run(tmp_path, "--methods", "two") == 3
    counting.failing = ("two", "three")
    assert run(tmp_path, "--images", "8") == 3  # nothing is left
    assert capsys.readouterr().err.endswith("error: no data for it\n")


@pytest.mark.parametrize("name", [entry.name for entry in default_manager().registry.entries("experiment")])
def test_every_benchmark_is_there_and_says_what_it_measures(name: str) -> None:
    described = benchmark(name)
    assert described.name == name and described.count >= 1 and described.methods and described.columns
    assert described.choose() == tuple(described.methods)
    with pytest.raises(UsageError):
        described.choose(["no-such-method"])
    assert described.quick[0] >= 1 and described.quick[1] >= 1
    if isinstance(described, Study):
        keys = [column.key for column in (*described.heads, *described.columns)]
        printed = {key for case in described.cases for of in case.printed.values() for key in of}
        assert {f"printed_{key}" for key in printed} <= {*keys}  # every printed figure has its column
        for case in described.cases:
            assert {*case.printed} <= {method.name for method in case.methods}


def test_quick_is_few_images_and_few_steps() -> None:
    described = benchmark("counting")
    assert bench_module._settings(described, None, 0, None, False) == Settings(7)
    assert bench_module._settings(described, None, 5, None, True) == Settings(1, 5, 3, few=True)
    assert bench_module._settings(described, 3, 0, 7, True) == Settings(3, 0, 7, few=True)


def test_unknown_benchmark() -> None:
    with pytest.raises(SpecError, match="kernls"):
        benchmark("kernls")


def test_tables_of_no_rows() -> None:
    assert markdown((*Experiment.heads, *COLUMNS), []).count("\n") == 2
    assert as_csv((*Experiment.heads, *COLUMNS), []) == "method,value,runs\n"


def test_a_bar_in_a_name_does_not_end_a_cell() -> None:
    row = {"method": "a|b", "value": 1.0, "runs": 2}
    assert markdown((*Experiment.heads, *COLUMNS), [row]).splitlines()[-1] == "| a\\|b | 1.00 | 2 |"
