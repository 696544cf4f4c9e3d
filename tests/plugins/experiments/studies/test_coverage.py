"""Coverage of intervals, on draws whose truth is one of them."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.kept import Kept
from invkit_experiments.engine.methods import Found
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.studies.coverage import COVERAGE, coverage_scores, covered


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_truth_is_covered_as_often_as_the_level_says(level: float) -> None:
    rng = torch.Generator().manual_seed(0)
    draws, truth = torch.randn(400, 3000, generator=rng), torch.randn(3000, generator=rng)
    assert float(covered(draws, truth, level).double().mean()) == pytest.approx(level, abs=0.03)
    assert float(covered(draws / 2, truth, level).double().mean()) < level - 0.1


def test_entries_of_a_kernel_that_are_zero_do_not_count() -> None:
    rng = torch.Generator().manual_seed(1)
    x, w = torch.rand(1, 1, 4, 4, generator=rng), torch.zeros(1, 1, 4, 4)
    w[..., 0, :2] = 0.5
    far = torch.zeros(60, 1, 1, 4, 4)
    far[..., 1, 1] = 1.0
    for draws, share in ((w.expand(60, -1, -1, -1, -1), 1.0), (far, 0.0)):
        samples = invkit.Samples(draws, x.expand(60, -1, -1, -1, -1))
        figures = coverage_scores(Measured(x, x, w), Found(x, w, samples=samples), "circconv")
        assert figures["pixels"] == 1 and figures["entries"] == share and figures["deviation"] == 0


def test_without_draws_there_is_nothing_to_cover() -> None:
    x = torch.rand(1, 1, 4, 4)
    with pytest.raises(InputError, match="draws=50"):
        coverage_scores(Measured(x, x, x), Found(x), "circconv")


def test_it_runs(data_folder: object, tmp_path: object) -> None:
    """Digits, so quickly that the figures mean nothing."""
    try:
        COVERAGE.check(Settings(1, 0, 4), ["digits/evidence"])
    except InputError as error:
        pytest.skip(str(error))
    rows = COVERAGE.run(Settings(1, 0, 4), Kept(tmp_path), ["digits"]).rows  # type: ignore[arg-type]
    assert [row["method"] for row in rows] == ["evidence", "held"]
    assert all(0 <= row["pixels"] <= 1 for row in rows) and rows[1]["entries"] is None
