"""Recipes: the shipped ones are sound, and what is wrong with another is said."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from invkit.errors import ConfigError
from invkit.training import mixture
from invkit.training.recipes import structure
from invkit_generative.architectures import build
from invkit_generative.recipe import VAERecipe
from invkit_generative.trainer import GANTrainer, VAETrainer

GOOD: dict[str, Any] = {"data": "blurA", "architecture": "paper-blur"}


@pytest.mark.parametrize(("trainer", "known"), [(VAETrainer, "blurA"), (GANTrainer, "celeba")])
def test_recipes_are_found_by_kind(trainer: type[VAETrainer | GANTrainer], known: str) -> None:
    assert known in trainer().recipes()


@pytest.mark.parametrize("trainer", [VAETrainer, GANTrainer])
def test_shipped_recipes_fit_their_data(trainer: type[VAETrainer | GANTrainer], data_folder: object) -> None:
    for values in trainer().recipes().values():
        recipe = structure(values, trainer.recipe)
        network = build(recipe.architecture, recipe.architecture_options)
        assert network.signal_shape == tuple(mixture.load(recipe.data).signal_shape)


def test_what_is_left_out_has_the_default() -> None:
    assert structure(GOOD, VAERecipe) == VAERecipe(data="blurA", architecture="paper-blur")
    assert structure({**GOOD, "learning_rate": 1}, VAERecipe).learning_rate == 1.0
    checked = structure(GOOD, VAERecipe)
    assert structure(attrs.asdict(checked), VAERecipe) == checked


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epoch": 3}, "no key 'epoch'; did you mean 'epochs'?"),
        ({"colour": 3}, "it has epochs, batch"),
        ({"epochs": 2.5}, "2.5 is not a whole number"),
        ({"epochs": True}, "True is not a whole number"),
        ({"epochs": "many"}, "'many' is not a whole number"),
        ({"epochs": 0}, "'epochs' must be >= 1: 0"),
        ({"learning_rate": -1.0}, "'learning_rate' must be > 0"),
        ({"learning_rate": "fast"}, "'fast' is not a number"),
        ({"ema": 1.0}, "'ema' must be < 1"),
        ({"half": 1}, "1 is neither true nor false"),
        ({"r1": 1.0}, "no key 'r1'"),
        ({"output": "video"}, "output = 'video'"),
        ({"likelihood": "laplace"}, "likelihood = 'laplace'"),
        ({"architecture_options": 3}, "architecture_options = 3"),
    ],
)
def test_a_bad_value_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structure({**GOOD, **change}, VAERecipe)
    assert says in str(caught.value)


@pytest.mark.parametrize("missing", ["data", "architecture"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"no '{missing}'"):
        structure({key: value for key, value in GOOD.items() if key != missing}, VAERecipe)
