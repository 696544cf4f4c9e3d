"""Recipes of the networks: all that determines a training run but its seed.

recipe = structure(CNNTrainer().recipes()["celeba-shake"], CNNRecipe)
"""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, lt

from invkit.training.recipes import Recipe

__all__ = ["CNNRecipe"]


@attrs.frozen(kw_only=True)
class CNNRecipe(Recipe):
    """A training run: the network learns to undo blurs and noise that are drawn anew for every batch,

        minimise over θ    mean ‖ N_θ(A(w, x) + σ n − ½) + ½ − x ‖²        x from the data, w from the blurs.

    Source: Hradiš and others, BMVC 2015: the loss, and momentum SGD for `l15`.
    """

    #: the spec of a law of kernels
    blur: str
    #: the spec of the operator A that blurs
    operator: str
    #: σ, the standard deviation of the noise, for images in [0, 1]
    noise: float = attrs.field(default=0.01, validator=ge(0))
    #: "adamw", or "sgd" with momentum
    optimiser: Literal["adamw", "sgd"] = "adamw"
    #: of SGD; AdamW's β₁
    momentum: float = attrs.field(default=0.9, validator=[ge(0), lt(1)])
    #: pixels of a side to which the pictures of a folder are brought; data sets have a size of their own
    size: int = attrs.field(default=64, validator=gt(0))
