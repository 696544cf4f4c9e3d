"""The benchmark of accelerators, on the CPU: it compares all it says, and finds no difference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import invkit
from benchmarks import accelerator
from benchmarks.accelerator import Work, distance, operators, paper, solvers, timed
from invkit.plugin.loading import default_manager
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.inputs.drawn import Drawn

CPU = torch.device("cpu")


def test_everything_registered_is_compared() -> None:
    registry = default_manager().registry
    by_operator = operators(CPU)
    assert set(by_operator) == {entry.name for entry in registry.entries("operator")}
    assert set(by_operator.values()) == {0.0}
    found, left_out = solvers(CPU)
    assert {*found, *left_out} == {entry.name for entry in registry.entries("solver")}
    assert {"altgd", "evidence", "tv", "lm", "als", "palm"} <= set(found)
    assert set(found.values()) == {0.0}


def test_a_distance_is_relative() -> None:
    expected = torch.tensor([3.0, 4.0])
    assert distance(expected, expected) == 0 and distance(1.5 * expected, expected) == 0.5


def test_times_and_levels_of_a_method() -> None:
    w, x = torch.full((1, 3, 3), 1 / 9), torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    pipeline = invkit.compose("circconv", [invkit.Given(w), "identity"], "tv")
    figures = timed(Work(pipeline, pipeline.operator(w[None], x), x), CPU)
    assert figures["PSNR, CPU"] == figures["PSNR, device"] > 10
    assert figures["CPU / device"] > 0


def test_the_papers_row_has_every_case_of_table_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def pictures(source: Drawn, images: int) -> tuple[Tensor, Tensor]:
        side = 64 if source.images == "celeba" else 32
        made = torch.rand(images, 3, side, side, generator=torch.Generator().manual_seed(0))
        return made, made

    monkeypatch.setattr(accelerator, "drawn", pictures)
    found = dict(paper(CPU, 2, Settings(2, steps=2, few=True)))
    assert set(found) == {"celeba-blurA", "house-numbers-blurB", "celeba-blur30"}
    assert found["celeba-blurA"]["printed"] == 23.525 and found["celeba-blur30"]["images"] == 2
