"""Methods that solve nothing: results of others, the closest image in range."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Blurry, Closest, Theirs
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured

DIGITS = Drawn("mnist-sample", "test", "blurA")


def test_the_closest_image_in_range_is_of_the_truth() -> None:
    one = DIGITS.one(0, 0)
    prior = invkit.prior("vae:mnist")
    with torch.no_grad():
        encoded = prior(prior.encode(one.x))
    method = Closest("range", "in range", "vae:mnist", search=50)
    found = method.recover(one, DIGITS, Settings(1), 0)
    error, first = ((picture - one.x).square().mean() for picture in (found.x, encoded))
    assert error < first and found.w is None
    assert method.identity(DIGITS, Settings(1))["steps"] == 50
    assert method.identity(DIGITS, Settings(1, steps=3))["steps"] == 3
    assert len(method.identity(DIGITS, Settings(1))["sha256"]) == 64


def test_results_of_others_are_looked_up() -> None:
    one = DIGITS.one(0, 0)
    published = Measured(one.y, one.x, one.w, {"theirs": one.x + 1, "kernel": one.w * 2})
    found = Theirs("them", "their result", "theirs", "kernel").recover(published, DIGITS, Settings(1), 0)
    assert torch.equal(found.x, one.x + 1) and found.w is not None and torch.equal(found.w, one.w * 2)
    assert Theirs("them", "no kernel", "theirs").recover(published, DIGITS, Settings(1), 0).w is None
    with pytest.raises(InputError, match="nobody published 'other' for this input; there are theirs, kernel"):
        Theirs("them", "missing", "other").recover(published, DIGITS, Settings(1), 0)


def test_blurry_is_the_measurement() -> None:
    one = DIGITS.one(0, 0)
    found = Blurry().recover(one, DIGITS, Settings(1), 0)
    assert found.x is one.y and found.w is None and found.seconds is None
