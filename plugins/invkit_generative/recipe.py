"""Recipes: all that determines a training run but its seed.

    recipe = load_recipes()["mnist"]                       # from recipes/mnist.toml
    recipe = structure({**recipe, "epochs": 1})            # a Recipe, every value checked
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

import attrs
import cattrs
from invkit.errors import ConfigError


@attrs.frozen
class Recipe:
    """A VAE training run. The loss is that of a calibrated decoder (Rybkin, Daniilidis and Levine, arXiv 2006.13202):

        D/2 · log MSE + KL,      D the number of pixels: the Gaussian likelihood with its best variance.

    It weighs reconstruction against the latent's prior without a constant to tune. Adam, warm-up then cosine, EMA weights.
    """

    #: the spec of the data set
    data: str
    #: one of invkit_generative.architectures, and its options
    architecture: str
    architecture_options: Mapping[str, Any] = attrs.field(factory=dict)
    #: "image", or "unit-sum" for kernels
    output: str = attrs.field(default="image", validator=attrs.validators.in_(["image", "unit-sum"]))
    #: passes over the training split
    epochs: int = attrs.field(default=20, validator=attrs.validators.ge(1))
    batch: int = attrs.field(default=128, validator=attrs.validators.ge(1))
    #: peak learning rate of Adam, reached after ``warmup`` steps, then falling to 0 along half a cosine
    learning_rate: float = attrs.field(default=2e-3, validator=attrs.validators.gt(0))
    warmup: int = attrs.field(default=500, validator=attrs.validators.ge(0))
    #: largest norm of the gradient, as a multiple of nothing: an absolute bound against rare outliers
    clip: float = attrs.field(default=1e3, validator=attrs.validators.gt(0))
    #: decay of the exponential moving average of the weights, which is what is exported
    ema: float = attrs.field(default=0.999, validator=[attrs.validators.ge(0), attrs.validators.lt(1)])
    #: only the first so many training signals; 0 takes all
    limit: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    #: what may be done with the weights, given the data they come from
    licence: str = "MIT"


def structure(values: Mapping[str, Any]) -> Recipe:
    """A checked recipe; raises :class:`ConfigError` naming the unknown key (and the nearest) or the bad value."""
    known = [field.name for field in attrs.fields(Recipe)]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ConfigError(f"a recipe has no key {key!r}", hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}")
    try:
        return cattrs.Converter(detailed_validation=False).structure(dict(values), Recipe)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"a bad value in the recipe: {error}", hint="see `invkit train --list`") from error


def load_recipes() -> dict[str, dict[str, Any]]:
    """The recipes shipped with this plugin, by name."""
    folder = files("invkit_generative") / "recipes"
    found = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return {item.name.removesuffix(".toml"): tomllib.loads(item.read_text("utf-8")) for item in found}
