"""The history holds every reported number, in order, as its own copy."""

from __future__ import annotations

import numpy as np
import pytest

from invkit.errors import InputError
from invkit_monitors.history import History
from tests.plugins.monitors.solving import residual, solve


@pytest.mark.parametrize(
    ("every", "steps"), [(1, [*range(1, 26)]), (10, [10, 20, 25]), (5, [5, 10, 15, 20, 25])]
)
def test_it_records_each_report(every: int, steps: list[int]) -> None:
    history = History(every=every)
    solve(history)
    assert history.steps.tolist() == steps
    expected = np.stack([residual(step).numpy() for step in steps])
    np.testing.assert_array_equal(history.residual, expected)
    np.testing.assert_array_equal(history.objective, expected + 1)


def test_each_solve_starts_afresh() -> None:
    history = History(every=10)
    solve(history)
    solve(history, steps=10)
    assert history.steps.tolist() == [10]


def test_before_the_first_report_there_is_nothing() -> None:
    history = History()
    history.on_start(5, 2, 3)
    assert history.residual.shape == (0, 2, 3)
    assert history.steps.shape == (0,)


def test_every_must_be_positive() -> None:
    with pytest.raises(InputError, match="every=0"):
        History(every=0)
