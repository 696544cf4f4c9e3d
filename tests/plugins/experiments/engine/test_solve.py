"""Solving as a row: what a spec is told, what identifies it, fewer steps for a quick look."""

from __future__ import annotations

from typing import Any

import pytest

import invkit
from invkit.errors import SpecError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.solve import TRUE_KERNEL, Named, Solve, _first, _told
from invkit_experiments.inputs.drawn import Drawn

DIGITS = Drawn("mnist-sample", "test", "blurA", 0.2)
TOLD = "altgd?weight_w={variance},weight_x={sigma},steps=40"
BLIND = Solve("blind", "blind", TOLD, ("vae:blurA", "vae:mnist"))
ORACLE = Solve("oracle", "known", "tv?weight_x={half}", (TRUE_KERNEL, "identity"))


def test_a_solver_is_told_the_noise() -> None:
    solver = BLIND.identity(DIGITS, Settings(1))["pipeline"]["solver"]
    assert (solver["weight_w"], solver["weight_x"], solver["steps"]) == (0.04, 0.2, 40)
    assert ORACLE.identity(DIGITS, Settings(1))["pipeline"]["solver"]["weight_x"] == 0.1


def test_fewer_steps_for_a_quick_look() -> None:
    assert BLIND.identity(DIGITS, Settings(1, steps=3))["pipeline"]["solver"]["steps"] == 3
    priors = ("blind?size={size}", "darkchannel")
    rounds = Solve("dark", "rounds", "darkprior", priors, hurried_by="rounds")
    assert rounds.identity(DIGITS, Settings(1, steps=2))["pipeline"]["solver"]["rounds"] == 2


def test_the_extent_is_each_measurements_own() -> None:
    told = Solve("dark", "told", "darkprior?kernel_size={extent},rounds=1", ("blind?size={size}", "identity"))
    plain = Solve("dark", "27", "darkprior?kernel_size=27,rounds=1", ("blind?size={size}", "identity"))
    assert told.identity(DIGITS, Settings(1)) != plain.identity(DIGITS, Settings(1))
    one = DIGITS.one(0, 0)
    solver: Any = told._solver(_told(DIGITS, one), Settings(1))
    assert solver.kernel_size == one.kernel_extent < 27


def test_a_true_kernel_is_not_found_but_given() -> None:
    one = DIGITS.one(0, 0)
    found = ORACLE.recover(one, DIGITS, Settings(1), 0)
    assert found.w is None and found.seconds is not None and found.seconds > 0
    assert BLIND.recover(one, DIGITS, Settings(1, steps=1), 0).w.shape == one.w.shape


def test_each_image_has_a_seed_of_its_own() -> None:
    one = DIGITS.one(0, 0)
    first, again, other = (
        BLIND.recover(one, DIGITS, Settings(1, steps=1), index) for index in (0, 0, 1)
    )
    assert (first.x == again.x).all() and (first.x != other.x).any()


def test_what_is_not_there_says_so_before_any_work() -> None:
    with pytest.raises(SpecError, match="no-such"):
        Solve("x", "x", "no-such-solver", ("vae:blurA", "vae:mnist")).identity(DIGITS, Settings(1))


def test_a_named_method_is_the_whole_of_it() -> None:
    """Its own operator and priors, whatever the source's; its steps are fewer for a quick look."""
    named = Named("dark", "a method", "photographs").identity(DIGITS, Settings(1, steps=2))
    own = invkit.method("photographs").to_config()
    assert named["pipeline"]["operator"] == own["operator"] and named["pipeline"]["priors"] == own["priors"]
    stages = [dict(each) for each in own["solver"]]
    stages[1] = {**stages[1], "solver": {**stages[1]["solver"], "steps": 2}}
    assert named["pipeline"]["solver"] == stages


def test_a_named_method_finds_a_kernel_or_is_given_it() -> None:
    one = DIGITS.one(0, 0)
    blind, known = (Named("d", "d", "digits", known) for known in (False, True))
    found = blind.recover(one, DIGITS, Settings(1, steps=1), 0)
    assert found.w is not None and found.status in [*invkit.Status] and found.cpu > 0
    assert known.recover(one, DIGITS, Settings(1, steps=1), 0).w is None
    assert len(known.identity(DIGITS, Settings(1))["pipeline"]["priors"]) == 1


@pytest.mark.parametrize(
    "notes",
    [
        {"family": "disk", "radius": 2.0},
        [{"family": "disk", "radius": 2.0}],
        {"family": ("disk",), "radius": [2.0]},
    ],
)
def test_notes_of_one_measurement(notes: Any) -> None:
    assert _first(notes) == {"family": "disk", "radius": 2.0}
    assert _first(None) == _first([None]) == {}
