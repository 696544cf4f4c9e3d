"""``vae:NAME`` — the decoder of a trained variational autoencoder as a prior.

    prior = invkit.prior("vae:blurA")          # shipped or in the user store; or vae:./mine.safetensors
    w = prior(prior.sample_latent(8, rng))     # (8, 1, 28, 28): non-negative, unit sum
    h = prior.encode(w)                        # (8, 50): the encoder's posterior means
    prior.card["metrics"]                      # what was measured of these weights
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit_generative.decoder import Decoder, Output

__all__ = ["VAE", "Output", "to_network"]


class VAE(Decoder):
    """A VAE's decoder, with its encoder for starts."""

    kind = "vae"
    can_encode = True

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Return the mean of the encoder's posterior q(latent | signal)."""
        return self.network.encode(to_network(signal, self.output))[0]


def to_network(signal: Float[Tensor, "n c h w"], output: Output) -> Float[Tensor, "n c h w"]:
    """Return a signal as the network sees it: kernels scaled to maximum 1, images as they are."""
    if output == "image":
        return signal
    return signal / signal.amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(signal.dtype).tiny)
