"""The fit of the constants, the figures, and that what is calibrated on is not what is reported."""

from __future__ import annotations

import pytest
import torch

from benchmarks.confidence import CALIBRATION, RESERVED, Cell, figures, fit
from invkit_evidence.confidence import Signs, features


def cell(short: float, status: str = "max_iter", confidence: float = 1.0) -> Cell:
    return Cell(short, 30.0 - short, status, confidence, Signs(0.0, 0.0, 0.0, 0.0))


def test_the_constants_of_a_logistic_law_are_found() -> None:
    rng = torch.Generator().manual_seed(0)
    constant, weights = -3.0, torch.tensor([0.7, 0.4, 0.6, 0.5])
    cells = []
    for d, s, m, t, chance in torch.rand(6000, 5, generator=rng).tolist():
        signs = Signs(8 * d**4, 8 * s**4, 6 * m - 2, 1000 * t**6)
        probability = torch.sigmoid(constant + (weights * torch.tensor(features(signs))).sum())
        cells.append(Cell(10.0 if chance < probability else 0.0, 30.0, "max_iter", 0.0, signs))
    found, slopes = fit(cells)
    assert found == pytest.approx(constant, abs=0.4)
    assert slopes == pytest.approx(weights.tolist(), abs=0.15)


def test_the_figures_count_the_flagged() -> None:
    found = figures([cell(4.0, "doubtful", 0.2), cell(3.5), cell(2.9, "doubtful", 0.5), cell(0.0)])
    assert found["images"] == 4 and found["short"] == 2
    assert found["flagged of the short"] == 1 and found["flagged of the rest"] == 1
    assert found["a short image is less sure than another"] == pytest.approx((2 + 0.5) / 4)
    assert found["worst"] == 26.0


def test_no_reported_face_is_calibrated_on() -> None:
    assert all(max(numbers) < RESERVED for _, numbers in CALIBRATION)
