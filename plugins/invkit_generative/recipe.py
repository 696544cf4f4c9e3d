"""Recipes: all that determines a training run but its seed.

recipe = load_recipes()["mnist"]                       # from recipes/mnist.toml
recipe = structure({**recipe, "epochs": 1})            # a Recipe, every value checked
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Literal, get_type_hints

import attrs
import cattrs
from attrs.validators import ge, gt, lt

from invkit.errors import ConfigError

__all__ = ["Recipe", "load_recipes", "structure"]

_HINT = "see the recipes with `invkit train --list --json`"


@attrs.frozen
class Recipe:
    """A VAE training run. The loss is the negative evidence lower bound,

        −log p(signal | latent) + KL(q(latent | signal) ‖ N(0, I)),

    with a Bernoulli likelihood of the pixels, or a Gaussian one of a given variance: the larger the variance,
    the fewer latent directions carry anything. Adam, warm-up and half a cosine; an average of the weights is
    exported.

    Source: Kingma and Welling, arXiv 1312.6114.
    """

    #: the spec of the data set, or the absolute path of a folder of images
    data: str
    #: one of invkit_generative.architectures, and its options
    architecture: str
    architecture_options: Mapping[str, Any] = attrs.field(factory=dict)
    #: "image", or "unit-sum" for kernels
    output: Literal["image", "unit-sum"] = "image"
    #: of the pixels given the latent: "bernoulli", or "gaussian" with ``variance``
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    variance: float = attrs.field(default=0.03, validator=gt(0))
    #: passes over the training split
    epochs: int = attrs.field(default=16, validator=ge(1))
    batch: int = attrs.field(default=128, validator=ge(1))
    #: peak learning rate of Adam, reached after ``warmup`` steps, then falling to 0 along half a cosine
    learning_rate: float = attrs.field(default=2e-3, validator=gt(0))
    warmup: int = attrs.field(default=500, validator=ge(0))
    #: bound on the norm of the gradient
    clip: float = attrs.field(default=1e3, validator=gt(0))
    #: decay of the exponential moving average of the weights, which is what is exported
    ema: float = attrs.field(default=0.999, validator=[ge(0), lt(1)])
    #: only the first so many training signals; 0 takes all
    limit: int = attrs.field(default=0, validator=ge(0))
    #: what may be done with the weights, given the data they come from
    licence: str = "MIT"


def structure(values: Mapping[str, Any]) -> Recipe:
    """Check the values of a recipe.

    Raises:
        ConfigError: an unknown key (the nearest is named), a missing one, or a bad value.
    """
    known = [field.name for field in attrs.fields(Recipe)]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ConfigError(f"a recipe has no key {key!r}", hint=hint)
    for key in ("data", "architecture"):
        if key not in values:
            raise ConfigError(f"the recipe has no {key!r}", hint=f"add --set {key}=…")
    converter, types = _converter(), get_type_hints(Recipe)
    checked = {}
    for key, value in values.items():
        try:
            checked[key] = converter.structure(value, types[key])
        except Exception as error:  # cattrs raises a plain one for a word that is not on the list
            raise ConfigError(f"the recipe has {key} = {value!r}: {error}", hint=_HINT) from error
    try:
        return Recipe(**checked)
    except ValueError as error:
        # attrs' validators put the attribute and more behind the sentence that says it all
        raise ConfigError(f"in the recipe, {error.args[0]}", hint=_HINT) from error


def _converter() -> cattrs.Converter:
    """A converter that refuses what ``int`` would cut off: 2.5 epochs."""
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    return converter


def _whole(value: Any, _: type) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _number(value: Any, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def load_recipes() -> dict[str, dict[str, Any]]:
    """Return the recipes shipped with this plugin, by name."""
    folder = files("invkit_generative") / "recipes"
    found = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name
    )
    return {item.name.removesuffix(".toml"): tomllib.loads(item.read_text("utf-8")) for item in found}
