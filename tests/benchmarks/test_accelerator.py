"""The benchmark of accelerators, on the CPU: it compares all it says, and finds no difference."""

from __future__ import annotations

import torch

from benchmarks.accelerator import WORK, distance, operators, paper, solvers, timed
from invkit.plugin.loading import default_manager
from invkit_experiments.engine.benchmark import Settings

CPU = torch.device("cpu")


def test_everything_registered_is_compared() -> None:
    registry = default_manager().registry
    assert set(operators(CPU)) == {entry.name for entry in registry.entries("operator")}
    assert set(operators(CPU).values()) == {0.0}
    found, left_out = solvers(CPU)
    assert {*found, *left_out} == {entry.name for entry in registry.entries("solver")}
    assert {"altgd", "evidence", "tv", "lm", "als", "palm"} <= set(found)
    assert set(found.values()) == {0.0}


def test_a_distance_is_relative() -> None:
    expected = torch.tensor([3.0, 4.0])
    assert distance(expected, expected) == 0 and distance(1.5 * expected, expected) == 0.5


def test_times_and_levels_of_a_method() -> None:
    (name,) = (each for each in WORK if each.endswith("tv"))
    figures = timed(WORK[name](1), CPU)
    assert figures["PSNR, CPU"] == figures["PSNR, device"] > 20
    assert figures["CPU / device"] > 0


def test_the_papers_row_has_every_case_of_table_1() -> None:
    settings = Settings(1, steps=2, few=True)
    found = dict(paper(CPU, 1, settings))
    assert set(found) == {"celeba-blurA", "house-numbers-blurB", "celeba-blur30"}
    assert found["celeba-blurA"]["printed"] == 23.525
