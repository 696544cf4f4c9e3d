"""Recipes: the shipped ones are sound, and what is wrong with another is said."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import invkit
from invkit.errors import ConfigError
from invkit_generative.architectures import build
from invkit_generative.recipe import Recipe, load_recipes, structure

GOOD: dict[str, Any] = {"data": "blurA", "architecture": "paper-blur"}


def test_there_is_a_recipe_for_every_shipped_prior() -> None:
    assert set(load_recipes()) >= {"blurA", "blurB", "blur30", "shake", "mnist"}


@pytest.mark.parametrize("name", load_recipes())
def test_shipped_recipes_fit_their_data(name: str, data_folder: object) -> None:
    recipe = structure(load_recipes()[name])
    network = build(recipe.architecture, recipe.architecture_options)
    assert network.signal_shape == tuple(invkit.dataset(recipe.data).signal_shape)


def test_what_is_left_out_has_the_default() -> None:
    assert structure(GOOD) == Recipe("blurA", "paper-blur")
    assert structure({**GOOD, "learning_rate": 1}).learning_rate == 1.0
    assert structure(attrs.asdict(structure(GOOD))) == structure(GOOD)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epoch": 3}, "no key 'epoch'; did you mean 'epochs'?"),
        ({"colour": 3}, "it has data, architecture"),
        ({"epochs": 2.5}, "2.5 is not a whole number"),
        ({"epochs": True}, "True is not a whole number"),
        ({"epochs": "many"}, "'many' is not a whole number"),
        ({"epochs": 0}, "'epochs' must be >= 1: 0"),
        ({"learning_rate": -1.0}, "'learning_rate' must be > 0"),
        ({"learning_rate": "fast"}, "'fast' is not a number"),
        ({"ema": 1.0}, "'ema' must be < 1"),
        ({"output": "video"}, "output = 'video'"),
        ({"likelihood": "laplace"}, "likelihood = 'laplace'"),
        ({"architecture_options": 3}, "architecture_options = 3"),
    ],
)
def test_a_bad_value_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structure({**GOOD, **change})
    assert says in str(caught.value)


@pytest.mark.parametrize("missing", ["data", "architecture"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"no '{missing}'"):
        structure({key: value for key, value in GOOD.items() if key != missing})
