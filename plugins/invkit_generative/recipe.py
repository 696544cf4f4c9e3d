"""Recipes of VAEs and GANs: all that determines a training run but its seed.

recipe = VAETrainer().recipes()["mnist"]                    # from recipes/vae/mnist.toml
recipe = structure({**recipe, "epochs": 1}, VAERecipe)      # every value checked
"""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, lt

from invkit.training.recipes import Recipe

__all__ = ["GANRecipe", "PriorRecipe", "VAERecipe"]


@attrs.frozen(kw_only=True)
class PriorRecipe(Recipe):
    """What VAEs and GANs have in common. The data may be several sets joined by " + "."""

    #: "image", or "unit-sum" for kernels
    output: Literal["image", "unit-sum"] = "image"
    #: the weight of the prior's penalty that recovers validation signals best, for solvers; 0: not known. It
    #: does not enter the training
    penalty_weight: float = attrs.field(default=0.0, validator=ge(0), metadata={"use": True})


@attrs.frozen(kw_only=True)
class VAERecipe(PriorRecipe):
    """A VAE training run. The loss is the negative evidence lower bound,

        −log p(signal | latent) + KL(q(latent | signal) ‖ N(0, I)),

    with a Bernoulli likelihood of the pixels, or a Gaussian one of a given variance: the larger the variance,
    the fewer latent directions carry anything.

    Source: Kingma and Welling, arXiv 1312.6114.
    """

    #: of the pixels given the latent: "bernoulli", or "gaussian" with ``variance``
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    variance: float = attrs.field(default=0.03, validator=gt(0))
    #: for the architecture "flow": the spec of the trained VAE that the flow is for; its weights stay
    of: str = ""


@attrs.frozen(kw_only=True)
class GANRecipe(PriorRecipe):
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
