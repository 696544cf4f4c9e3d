"""The benchmark of last steps: what it counts, and that it has pictures of every kind."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks import last_steps
from invkit_experiments.studies.photographs import KINDS


def test_figures_are_of_all_and_of_those_not_flagged() -> None:
    rows = [(2.0, False, 1.0), (-1.0, True, 3.0), (-0.1, False, 2.0)]
    figures = last_steps.figures(rows)
    assert figures["gain in dB"] == pytest.approx(0.3)
    assert figures["gain where not flagged in dB"] == pytest.approx(0.95)
    assert figures["least gain in dB"] == -1.0 and figures["worse than the input"] == 1
    assert figures["CPU s"] == 2.0


def test_every_kind_has_its_turn(data_folder: Path) -> None:
    found = list(islice(last_steps.pictures("train"), len(KINDS)))
    assert sum(one.kernel_size == 1 for one in found) == 1  # the sharp one
    assert last_steps.level(found[0].x, found[0]) > last_steps.level(found[0].y, found[0])
