"""The simulation of lost workers: exact without losses, and no picture lost with many."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.failures import Costs, simulated

FREE = Costs(part=0, check=0, start=0, notice=0)


def test_without_losses_it_takes_what_the_pictures_take() -> None:
    assert simulated(np.full(100, 2.0), 10, 5, 1e12, FREE, seed=0) == (pytest.approx(40), 0)


def test_each_part_costs_its_beginning() -> None:
    end, _ = simulated(np.full(100, 2.0), 10, 5, 1e12, Costs(part=1, check=0, start=0, notice=0), seed=0)
    assert end == pytest.approx(42)


def test_lost_workers_cost_time_and_no_picture() -> None:
    """It ends only where every picture is done, and raises where one is done twice."""
    end, lost = simulated(np.full(1000, 2.0), 50, 5, 20.0, Costs(0.1, 0.001, 10, 5), seed=0)
    # Of 20 s, 10 more are waited for; a picture in progress is lost, too.
    assert lost > 50 and 1.4 * 400 < end < 2.5 * 400
