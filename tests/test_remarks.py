"""What is warned of: values that are no image's, images that have moved, hours to wait."""

from __future__ import annotations

import re
import warnings

import pytest
import torch

import invkit
from invkit import InputError, InvkitWarning
from invkit.remarks import remark_on_hours


@pytest.fixture(scope="module")
def deblur() -> invkit.Pipeline:
    return invkit.compose("circconv", w="trajectory", x="identity", solver="altgd?steps=1,restarts=1")


def test_values_up_to_255_are_remarked_on(deblur: invkit.Pipeline) -> None:
    with pytest.warns(InvkitWarning, match="values up to 255.*divide those of 8 bits by 255"):
        deblur(torch.linspace(0, 255, 32 * 32).reshape(32, 32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deblur(torch.linspace(-0.2, 1.3, 32 * 32).reshape(32, 32))


def test_measurements_that_are_no_images_may_have_any_values() -> None:
    fit = invkit.compose("pointwise", w="identity", x="identity", solver="altgd?steps=1,restarts=1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(torch.full((1, 6, 3), 100.0))


def test_an_image_that_is_a_shift_away_is_remarked_on() -> None:
    """A start holds the truth, but for a shift of both signals; one step does not take it back."""
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    w = torch.full((1, 1, 9, 9), 1e-4)
    w[..., 1, 6] = 1.0
    deblur = invkit.compose("circconv", w="simplex?size=9", x="identity", solver="altgd?steps=1,restarts=1")
    y = deblur.operator(w / w.sum(), x)
    known = deblur.with_w_given(invkit.Given(w[0] / w.sum()))
    start = known(y)  # a kernel that is given is nobody's mistake
    with pytest.warns(InvkitWarning, match=r"\+3, -2 pixels \(down, right\) from where"):
        deblur(y, start=start)


@pytest.mark.parametrize(
    ("spent", "steps", "left", "says"),
    [
        (120.0, 1, 99, r"may take 3 h more, at 120 s a step, with 99 steps to come; .*Fewer restarts"),
        (5.0, 2, 1000, None),
        (5.0, 2, 4000, r"may take 3 h more, at 2.5 s a step"),
        (4.9, 2, 4000, None),
        (120.0, 50, 50, None),
    ],
)
def test_hours_to_wait_are_remarked_on(spent: float, steps: int, left: int, says: str | None) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert remark_on_hours(spent, steps, left) == (says is not None)
    assert [str(each.message) for each in told if not re.search(says or "$^", str(each.message))] == []
    assert len(told) == (says is not None)


def test_years_to_wait_are_refused() -> None:
    with pytest.raises(InputError, match=r"would take 3 years, at 50 s a step, with 2,000,000 steps to come"):
        remark_on_hours(100.0, 2, 2_000_000)
