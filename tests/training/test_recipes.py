"""Recipes of any plugin: found by name, checked key by key, and told apart by their digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import pytest

import invkit
from invkit.errors import ConfigError, InputError
from invkit.files.images import write_image
from invkit.files.store import read_prior, write_prior
from invkit.training import mixture
from invkit.training.recipes import Recipe, card, check_pictures, digest, load_recipes, structure
from tests.training.test_run import STEPS, make_run, quiet

GOOD: dict[str, Any] = {"data": "numbers", "architecture": "net"}


@attrs.frozen(kw_only=True)
class Coloured(Recipe):
    colour: Literal["red", "blue"] = "red"


def test_what_is_left_out_has_the_default_of_its_class() -> None:
    recipe = structure({**GOOD, "epochs": 3, "colour": "blue"}, Coloured)
    assert recipe == Coloured(data="numbers", architecture="net", epochs=3, colour="blue")
    assert structure(attrs.asdict(recipe), Coloured) == recipe


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"color": "red"}, "no key 'color'; did you mean 'colour'?"),
        ({"colour": "green"}, "colour = 'green'"),
        ({"epochs": 0}, "'epochs' must be >= 1: 0"),
        ({"batch": 1.5}, "1.5 is not a whole number"),
    ],
)
def test_a_bad_value_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structure({**GOOD, **change}, Coloured)
    assert says in str(caught.value)


@attrs.frozen(kw_only=True)
class Sized(Recipe):
    size: int


@pytest.mark.parametrize("missing", ["data", "architecture", "size"])
def test_what_is_missing_is_named(missing: str) -> None:
    values = GOOD | {"size": 3}
    with pytest.raises(ConfigError, match=f"no '{missing}'; add --set {missing}=…"):
        structure({key: value for key, value in values.items() if key != missing}, Sized)


def test_recipes_are_the_toml_files_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "some_package" / "recipes"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "b.toml").write_text('data = "two"')
    (folder / "a.toml").write_text('data = "one"')
    (folder / "notes.txt").write_text("none")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_recipes("some_package", "recipes") == {"a": {"data": "one"}, "b": {"data": "two"}}


def test_a_digest_tells_descriptions_apart_but_not_their_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_the_store_takes_the_card(tmp_path: Path) -> None:
    run = make_run(tmp_path, seed=5)
    recipe = {"data": "numbers", "licence": "none", "seed": 5, "steps": STEPS}
    made = card("net", "mine", {"name": "linear", "options": {}}, recipe, run.data, {"error": 0.5})
    write_prior(tmp_path / "mine.safetensors", run.train(quiet), made)
    found = read_prior(tmp_path / "mine.safetensors").card
    assert (found["kind"], found["name"], found["licence"]) == ("net", "mine", "none")
    assert (found["recipe"]["seed"], found["recipe"]["steps"]) == (5, STEPS)
    assert found["data"] == {"spec": "numbers", "fingerprint": "numbers", "terms": "not stated"}
    assert found["metrics"] == {"error": 0.5}


def test_twenty_pictures_are_enough_and_nineteen_are_not(tmp_path: Path) -> None:
    law = invkit.dataset("shake")
    for limit in (0, 20, 10**9):
        check_pictures("shake", law, limit)
    with pytest.raises(InputError, match="19 pictures in shake with limit=19: too few"):
        check_pictures("shake", law, 19)
    for number in range(20):
        write_image(tmp_path / f"{number}.png", np.full((3, 8, 8), number / 20))
    data = mixture.load(mixture.located(str(tmp_path), size=8, grey=False))
    assert data.splits["train"] < 20
    check_pictures(str(tmp_path), data)  # a folder's own are counted before they are split
    (tmp_path / "0.png").unlink()
    data = mixture.load(mixture.located(str(tmp_path), size=8, grey=False))
    with pytest.raises(InputError, match=r"19 pictures in .*: too few to learn a class"):
        check_pictures(str(tmp_path), data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": float("inf")}, "learning_rate = inf: it has to be finite"),
        ({"weight_decay": float("nan")}, "weight_decay = nan: it has to be finite"),
        ({"architecture_options": 3}, "architecture_options = 3, which is no table; write --set arch"),
    ],
)
def test_values_that_no_training_can_have(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structure(GOOD | change, Coloured)
    assert message in str(caught.value)
