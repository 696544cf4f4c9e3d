"""``gan:NAME`` — the generator of a trained generative adversarial network as a prior.

    prior = invkit.prior("gan:celeba")
    x = prior(prior.sample_latent(8, rng))     # (8, 3, 64, 64), values in [0, 1]
"""

from __future__ import annotations

from invkit_generative.decoder import Decoder

__all__ = ["GAN"]


class GAN(Decoder):
    """A generator of images in [0, 1]. There is no encoder: solvers start it at random.

    Source: arXiv 1802.04073, Section 4.3.
    """

    kind = "gan"
