"""Recipes: all that determines a training run but its seed, as checked attrs classes; and the card of a run.

    recipe = load_recipes("my_package", "recipes/vae")["mnist"]     # from my_package/recipes/vae/mnist.toml
    recipe = structure({**recipe, "epochs": 1}, MyRecipe)           # every value checked

A plugin derives its own class from :class:`Recipe`, which has what every run of the training loop needs. A
field with ``metadata={"use": True}`` says how the weights are used, and does not determine them.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import attrs
import cattrs
import torch
from attrs.validators import ge

import invkit
from invkit.contracts.dataset import Dataset
from invkit.errors import ConfigError, InputError, counted
from invkit.training.run import Schedule

__all__ = ["Recipe", "card", "check_number", "check_pictures", "digest", "load_recipes", "structure"]

FEWEST = 20
"""Pictures below which there is no class to speak of."""
_HINT = "see the recipes with `invkit list trainers --json`"


@attrs.frozen(kw_only=True)
class Recipe(Schedule):
    """Data, network and schedule of a training run."""

    #: the spec of the data set, or the absolute path of a folder of images; plugins may take more
    data: str
    #: the network by its plugin's name for it, and its options
    architecture: str
    architecture_options: Mapping[str, Any] = attrs.field(factory=dict)
    #: only the first so many training signals; 0 takes all
    limit: int = attrs.field(default=0, validator=ge(0))
    #: export 16-bit weights
    half: bool = False
    #: what may be done with the weights, given the data they come from
    licence: str = "MIT"


_R = TypeVar("_R")  # an attrs class; attrs has no type for that which can be checked at run time


def structure(values: Mapping[str, Any], kind: type[_R]) -> _R:
    """Check the values of a recipe of the given class, which need not be a :class:`Recipe`.

    Raises:
        ConfigError: an unknown key (the nearest is named), a missing one, or a bad value.
    """
    fields: tuple[Any, ...] = attrs.fields(kind)  # type: ignore[arg-type]
    known = [field.name for field in fields]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ConfigError(f"a recipe has no key {key!r}", hint=hint)
    for key in (field.name for field in fields if field.default is attrs.NOTHING):
        if key not in values:
            raise ConfigError(f"the recipe has no {key!r}", hint=f"add --set {key}=…")
    converter, types = _converter(), get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if get_origin(types[key]) is Mapping and not isinstance(value, Mapping):
            raise ConfigError(
                f"the recipe has {key} = {value!r}, which is no table",
                hint=f'write --set {key}="{{name=value}}"',
            )
        try:
            checked[key] = converter.structure(value, types[key])
        except Exception as error:  # cattrs raises a plain one for a word that is not on the list
            raise ConfigError(f"the recipe has {key} = {value!r}: {error}", hint=_HINT) from error
    try:
        return kind(**checked)
    except ValueError as error:
        # attrs' validators put the attribute and more behind the sentence that says it all
        raise ConfigError(f"in the recipe, {error.args[0]}", hint=_HINT) from error


def check_pictures(name: str, data: Dataset, limit: int = 0) -> None:
    """Refuse training pictures that are too few. A folder's are counted before they are split.

    Args:
        name: the recipe's ``data``.
        data: what it was loaded as.
        limit: the recipe's; 0 takes all.

    Raises:
        InputError: fewer than 20, of the data or by the limit.
    """
    there = sum(data.splits.values()) if Path(name).is_absolute() else data.splits["train"]
    if limit and limit < there:
        check_number(limit, f"{name} with limit={limit}")
    else:
        check_number(there, name)


def check_number(count: int, data: str) -> None:
    """Refuse a number of pictures below which there is no class to speak of.

    Raises:
        InputError: fewer than 20.
    """
    if count < FEWEST:
        raise InputError(
            f"{counted(count, 'picture')} in {data}: too few to learn a class from",
            hint=f"give at least {FEWEST}; some hundreds are good",
        )


def _converter() -> cattrs.Converter:
    """A converter that refuses what ``int`` would cut off: 2.5 epochs."""
    converter = cattrs.Converter(detailed_validation=False)
    for kind in (bool, int, float):
        converter.register_structure_hook(kind, _strict)
    return converter


def _strict(value: Any, kind: type) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = isinstance(value, bool) if kind is bool else number and (kind is float or value == int(value))
    if not fits:
        problem = {bool: "neither true nor false", int: "not a whole number", float: "not a number"}[kind]
        raise ValueError(f"{value!r} is {problem}")
    if kind is float and not math.isfinite(value):
        raise ValueError("it has to be finite")
    return kind(value)


def load_recipes(package: str, folder: str) -> dict[str, dict[str, Any]]:
    """Return the recipes shipped in a folder of a package, by name: its TOML files."""
    found = {item.name: item for item in files(package).joinpath(folder).iterdir()}
    names = sorted(name for name in found if name.endswith(".toml"))
    return {name.removesuffix(".toml"): tomllib.loads(found[name].read_text("utf-8")) for name in names}


def digest(description: Mapping[str, Any]) -> str:
    """Return the sha256 of what determines a run, which `TrainingRun` takes as its fingerprint."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def card(
    kind: str,
    name: str,
    architecture: Mapping[str, Any],
    recipe: Mapping[str, Any],
    data: Dataset,
    figures: Mapping[str, int | float],
) -> dict[str, Any]:
    """Return the card of `invkit.files.store` for trained weights, measured as they are stored.

    Args:
        kind: kind of the weights, e.g. ``"vae"``.
        name: their name.
        architecture: name and options of the network, and what else it takes to build it.
        recipe: the recipe, with ``data`` as loaded and ``licence``; the seed; the number of steps, if any.
        data: the training data.
        figures: measured figures by name.
    """
    return {
        "format": 1,
        "kind": kind,
        "name": name,
        "architecture": dict(architecture),
        "recipe": dict(recipe),
        "data": {"spec": recipe["data"], "fingerprint": data.fingerprint(), "terms": data.terms},
        "metrics": dict(figures),
        "licence": recipe["licence"],
        "versions": {
            "invkit": invkit.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
