"""Recipes: all that determines a training run but its seed.

recipe = load_recipes("vae")["mnist"]                       # from recipes/vae/mnist.toml
recipe = structure({**recipe, "epochs": 1}, VAERecipe)      # every value checked
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Literal, TypeVar, get_type_hints

import attrs
import cattrs
from attrs.validators import ge, gt, lt

from invkit.errors import ConfigError

__all__ = ["GANRecipe", "Recipe", "VAERecipe", "load_recipes", "structure"]

_HINT = "see the recipes with `invkit train --list --json`"


@attrs.frozen(kw_only=True)
class Recipe:
    """What every training run has: data, network, and a schedule of AdamW with a warm-up and half a cosine.

    An average of the weights is exported.
    """

    #: the spec of the data set, or several joined by " + ", or the absolute path of a folder of images
    data: str
    #: one of invkit_generative.architectures, and its options
    architecture: str
    architecture_options: Mapping[str, Any] = attrs.field(factory=dict)
    #: "image", or "unit-sum" for kernels
    output: Literal["image", "unit-sum"] = "image"
    #: passes over the training split
    epochs: int = attrs.field(default=16, validator=ge(1))
    batch: int = attrs.field(default=128, validator=ge(1))
    #: peak learning rate, reached after ``warmup`` steps, then falling to 0 along half a cosine
    learning_rate: float = attrs.field(default=2e-3, validator=gt(0))
    warmup: int = attrs.field(default=500, validator=ge(0))
    #: of AdamW
    weight_decay: float = attrs.field(default=0.0, validator=ge(0))
    #: bound on the norm of the gradient
    clip: float = attrs.field(default=1e3, validator=gt(0))
    #: decay of the exponential moving average of the weights, which is what is exported
    ema: float = attrs.field(default=0.999, validator=[ge(0), lt(1)])
    #: flip every signal left to right with probability one half
    mirror: bool = False
    #: only the first so many training signals; 0 takes all
    limit: int = attrs.field(default=0, validator=ge(0))
    #: export 16-bit weights
    half: bool = False
    #: the weight of the prior's penalty that recovers validation signals best, for solvers; 0: not known. It
    #: does not enter the training
    penalty_weight: float = attrs.field(default=0.0, validator=ge(0))
    #: what may be done with the weights, given the data they come from
    licence: str = "MIT"


@attrs.frozen(kw_only=True)
class VAERecipe(Recipe):
    """A VAE training run. The loss is the negative evidence lower bound,

        −log p(signal | latent) + KL(q(latent | signal) ‖ N(0, I)),

    with a Bernoulli likelihood of the pixels, or a Gaussian one of a given variance: the larger the variance,
    the fewer latent directions carry anything.

    Source: Kingma and Welling, arXiv 1312.6114.
    """

    #: of the pixels given the latent: "bernoulli", or "gaussian" with ``variance``
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    variance: float = attrs.field(default=0.03, validator=gt(0))


@attrs.frozen(kw_only=True)
class GANRecipe(Recipe):
    """A GAN training run: generator G against discriminator D, by the non-saturating loss,

        D:  softplus(−D(x)) + softplus(D(G(z))) + r1/2·‖∇D(x)‖²        G:  softplus(−D(G(z)))

    and, with ``reconstruction`` > 0, an encoder trained with G, which adds ``reconstruction`` times the
    negative evidence lower bound of the VAE that encoder and G make (per pixel) to G's loss: it keeps every
    training image near the range of G, against mode collapse.

    Source: Goodfellow and others, arXiv 1406.2661; R1: Mescheder and others, arXiv 1801.04406; encoder and
    adversary: Larsen and others, arXiv 1512.09300.
    """

    #: channels of the discriminator's first layer, 64 in the DCGAN, and what keeps it in bounds
    discriminator_width: int = attrs.field(default=64, validator=ge(1))
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    #: updates of G for each of D
    generator_updates: int = attrs.field(default=1, validator=ge(1))
    #: weight of the R1 penalty; 0 for none
    r1: float = attrs.field(default=0.0, validator=ge(0))
    #: AdamW's β₁
    momentum: float = attrs.field(default=0.5, validator=[ge(0), lt(1)])
    #: weight of the evidence lower bound, divided by the number of pixels; 0 trains without an encoder
    reconstruction: float = attrs.field(default=0.0, validator=ge(0))
    #: of the pixels given the latent, in that bound
    variance: float = attrs.field(default=0.01, validator=gt(0))
    #: of that encoder: "convolutions", or "components", linear and starting as the principal components
    encoder: Literal["convolutions", "components"] = "convolutions"
    #: channels of the first of the convolutions
    encoder_width: int = attrs.field(default=32, validator=ge(1))
    #: the share of all steps in which only encoder and G are trained, before there is an adversary
    autoencode_first: float = attrs.field(default=0.0, validator=[ge(0), lt(1)])


_R = TypeVar("_R", bound=Recipe)


def structure(values: Mapping[str, Any], kind: type[_R]) -> _R:
    """Check the values of a recipe of the given class.

    Raises:
        ConfigError: an unknown key (the nearest is named), a missing one, or a bad value.
    """
    known = [field.name for field in attrs.fields(kind)]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ConfigError(f"a recipe has no key {key!r}", hint=hint)
    for key in ("data", "architecture"):
        if key not in values:
            raise ConfigError(f"the recipe has no {key!r}", hint=f"add --set {key}=…")
    converter, types = _converter(), get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        try:
            checked[key] = converter.structure(value, types[key])
        except Exception as error:  # cattrs raises a plain one for a word that is not on the list
            raise ConfigError(f"the recipe has {key} = {value!r}: {error}", hint=_HINT) from error
    try:
        return kind(**checked)
    except ValueError as error:
        # attrs' validators put the attribute and more behind the sentence that says it all
        raise ConfigError(f"in the recipe, {error.args[0]}", hint=_HINT) from error


def _converter() -> cattrs.Converter:
    """A converter that refuses what ``int`` would cut off: 2.5 epochs."""
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(bool, _truth)
    return converter


def _truth(value: Any, _: type) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _whole(value: Any, _: type) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _number(value: Any, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def load_recipes(kind: str) -> dict[str, dict[str, Any]]:
    """Return the recipes shipped with this plugin for ``vae`` or ``gan``, by name."""
    folder = files("invkit_generative") / "recipes" / kind
    found = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name
    )
    return {item.name.removesuffix(".toml"): tomllib.loads(item.read_text("utf-8")) for item in found}
