"""The benchmark of schedules runs, scales what it says, and says so. Nothing is judged by its time here."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import schedules

SEARCH = "evidence?starts=4,keep=2,steps=2,rank=8,anneal=0,finish=0,leaps=0,retries=0,doubt=0"
TINY = ["--images", "1", "--steps", "1", "--class", "MNIST", "--solver", SEARCH]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Seconds that say what was run: 2 for a search, as many as there are steps for a descent."""
    asked: list[str] = []

    def seconds(pipeline, y) -> float:
        assert tuple(y.shape) == (1, 1, 28, 28)
        solver = pipeline.solver
        asked.append(type(solver).__name__)
        pipeline(y)
        return 2.0 if asked[-1] == "Evidence" else float(solver.descent.steps)

    monkeypatch.setattr(schedules, "seconds", seconds)
    return asked


def test_the_steps_timed_are_scaled_to_those_printed(timed: list[str]) -> None:
    result = CliRunner().invoke(schedules.main, [*TINY, "--json"])
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert timed == ["Evidence", "AltGD", "AltGD"] * 2  # once to warm up
    assert report["seconds a step of the schedule"] == 1
    assert report["seconds an image, schedule"] == report["steps printed"] == 1500
    assert report["ratio"] == 750


def test_prints_a_table_that_says_what_was_scaled() -> None:
    result = CliRunner().invoke(schedules.main, TINY)
    assert result.exit_code == 0, result.output
    said = dict(line.strip().rsplit(maxsplit=1) for line in result.stdout.splitlines())
    assert said["steps timed"] == "1" and said["steps printed"] == "1500"
    assert said["ratio asked for, at least"] == "30.00"


@pytest.mark.parametrize("of", schedules.CLASSES, ids=lambda of: of.name)
def test_schedules_are_the_printed_ones(of: schedules.Class) -> None:
    solver = of.descent(of.printed).solver
    descent, starts, penalties = solver.descent, solver.starts, solver.penalties
    assert descent.steps == of.printed and starts.restarts == 10 and not starts.keep
    assert starts.start == "random" and penalties.anneal == 1 and descent.update == "gradient"
    rates = {"MNIST": (0.01, 250, 0.1), "SVHN": (0.01, 1000, 0.1), "CelebA": (0.001, None, 0.001)}
    rate, decay, weight = rates[of.name]
    assert (descent.rate, penalties.weight_w, penalties.weight_x) == (rate, weight, weight)
    assert descent.decay_steps == decay if decay else descent.decay == "constant"
