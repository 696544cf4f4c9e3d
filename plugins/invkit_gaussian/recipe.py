"""Recipes of Gaussian priors: all that determines a fit but its seed.

recipe = structure(GaussianTrainer().recipes()["celeba"], GaussianRecipe)
"""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt

__all__ = ["GaussianRecipe"]


@attrs.frozen(kw_only=True)
class GaussianRecipe:
    """A fit of :class:`invkit_gaussian.moments.Moments` to the training split of a data set."""

    #: the spec of the data set, several joined by " + " (see `invkit.training.mixture`), or the absolute path
    #: of a folder of images
    data: str
    #: whether channels share their components, or every colour axis has the same ones
    colour: Literal["joint", "axes"] = "joint"
    #: principal components
    rank: int = attrs.field(default=256, validator=ge(0))
    #: of joint colour: every image has a contrast of its own
    contrast: bool = False
    #: every image has a texture of its own, more or less of what the components leave
    texture: bool = False
    #: every image counts together with so many other poses of it: turned, stretched and moved at random
    poses: int = attrs.field(default=0, validator=ge(0))
    #: every image counts together with its mirror image
    mirror: bool = False
    #: only the first so many training images; 0 takes all
    limit: int = attrs.field(default=0, validator=ge(0))
    #: images in memory at once, mirror images not counted
    batch: int = attrs.field(default=512, validator=gt(0))
    #: of every number of the components as they are stored
    bits: Literal[8, 16, 32] = 8
    #: pixels of a side to which the pictures of a folder are brought; data sets have a size of their own
    size: int = attrs.field(default=64, validator=gt(0))
    #: of a folder: grey pictures
    grey: bool = False
    #: for the figures in the card: specs of a law of kernels and of the operator that blurs by them; empty:
    #: nothing is blurred. They do not enter the fit
    blur: str = ""
    operator: str = ""
    #: what may be done with the weights, given the data they come from
    licence: str = "MIT"
