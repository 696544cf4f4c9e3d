"""Laws of confidence: their fit, their limit of doubt, their card."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.contracts.calibration import Calibration
from invkit.errors import InputError


def drawn(
    count: int, weights: dict[str, float], constant: float, seed: int = 0
) -> tuple[list[dict[str, float]], list[bool]]:
    """Cases whose law is known."""
    rng = np.random.default_rng(seed)
    signs = [dict(zip(weights, row, strict=True)) for row in rng.normal(size=(count, len(weights))).tolist()]
    doubt = [constant + sum(weights[name] * each[name] for name in weights) for each in signs]
    chances = rng.random(count).tolist()
    return signs, [chance < 1 / (1 + math.exp(-d)) for chance, d in zip(chances, doubt, strict=True)]


def test_the_constants_of_a_law_are_found() -> None:
    weights = {"strain": 1.5, "misfit": 0.5}
    law = Calibration.fitted(*drawn(6000, weights, -2.0))
    assert law.constant == pytest.approx(-2.0, abs=0.2)
    assert law.weights == pytest.approx(weights, rel=0.25)


def test_a_sign_that_would_reassure_counts_for_nothing() -> None:
    law = Calibration.fitted(*drawn(4000, {"strain": 1.0, "odd": -1.0}, -1.0))
    assert law.weights["odd"] == 0 and law.weights["strain"] > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_nine_of_ten_that_fell_short_are_doubtful(seed: int) -> None:
    signs, short = drawn(300, {"strain": 2.0}, -1.0, seed)
    law = Calibration.fitted(signs, short, {"w": "trajectory"})
    told = law.figures
    assert told["images"] == 300 and told["short"] == sum(short) and told["w"] == "trajectory"
    assert told["flagged_of_short"] >= 0.8 * sum(short)
    assert 0.5 <= law.doubt <= 0.99
    assert [law.doubt, told["flagged_of_short"], told["flagged_of_others"]] in told["curve"]


def test_false_alarms_stay_at_one_in_ten_where_failures_show() -> None:
    signs, short = drawn(2000, {"strain": 12.0}, -6.0)
    law = Calibration.fitted(signs, short)
    told = law.figures
    others = told["images"] - told["short"]
    assert told["flagged_of_short"] >= 0.97 * told["short"]  # more than is asked for: there is room
    assert 0.08 * others < told["flagged_of_others"] <= 0.1 * others


def test_strong_signs_of_few_cases_make_few_false_alarms() -> None:
    """A law of 80 cases, on others. Shrunk too much, it doubts a fifth of what is right."""
    weights = {"a": 4.0, "b": 2.4, "c": 1.2, "d": 0.4}
    new, fell = drawn(2000, weights, -4.2, seed=99)
    shares = []
    for seed in range(6):
        law = Calibration.fitted(*drawn(80, weights, -4.2, seed))
        flagged = np.array([law.confidence(each) < law.doubt for each in new])
        shares.append([flagged[fell].mean(), flagged[~np.array(fell)].mean()])
    found, false = np.mean(shares, axis=0)
    assert found > 0.88 and false < 0.19


def test_the_curve_rises_with_the_limit() -> None:
    curve = np.array(Calibration.fitted(*drawn(400, {"strain": 1.0}, -1.0)).figures["curve"])
    assert (np.diff(curve, axis=0) >= 0).all() and (curve[:, 1:] > 0).any()


def test_doubt_is_that_of_the_solver_that_is_meant() -> None:
    signs, short = drawn(600, {"strain": 3.0}, 0.0)
    surer = [{"strain": each["strain"] - 2} for each in signs]
    meant = [True] * 600 + [False] * 600
    law = Calibration.fitted(surer + signs, [False] * 599 + [True] + short, meant=meant)
    told = law.figures
    assert (told["images"], told["short"]) == (600, 1)
    assert (told["fitted_images"], told["fitted_short"]) == (1200, 1 + sum(short))
    assert told["curve"][-1][1] <= 1


def test_a_case_is_judged_by_a_law_of_the_others() -> None:
    """Twenty columns of noise tell nothing of other cases."""
    signs, short = drawn(60, {f"noise{number}": 0.0 for number in range(20)}, -1.0)
    law = Calibration.fitted(signs, short)
    below = sum(law.confidence(each) < law.doubt for each, fell in zip(signs, short, strict=True) if fell)
    assert law.figures["flagged_of_short"] < below


@given(strain=st.floats(-30, 30), more=st.floats(0, 10))
def test_the_more_signs_the_less_sure(strain: float, more: float) -> None:
    law = Calibration(-1.0, {"strain": 0.7})
    sure, less = law.confidence({"strain": strain}), law.confidence({"strain": strain + more})
    assert 0 <= less <= sure <= 1
    assert sure == pytest.approx(1 / (1 + math.exp(-1 + 0.7 * strain)))


def test_a_law_goes_through_a_card() -> None:
    law = Calibration.fitted(*drawn(200, {"strain": 1.0}, 0.0), {"data": "mine"})
    assert Calibration.of_weights({"calibrations": {"gaussian": law.card()}}, "gaussian") == law
    assert Calibration.of_weights({}, "gaussian") is None
    assert Calibration.of_weights({"calibrations": {"gaussian": law.card()}}, "bounded") is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_gives_no_confidence(value: float) -> None:
    assert Calibration(-9.0, {"strain": 1.0}).confidence({"strain": value}) == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="none of 2 results fell short"):
        Calibration.fitted([{"strain": 1.0}] * 2, [False, False])
    with pytest.raises(InputError, match="all of 2 results fell short"):
        Calibration.fitted([{"strain": 1.0}] * 2, [True, True])
    with pytest.raises(InputError, match="'strain'"):
        Calibration(0.0, {"strain": 1.0}).confidence({})
    with pytest.raises(InputError, match="is incomplete"):
        Calibration.from_card({"constant": 1.0})
