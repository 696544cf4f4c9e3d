"""``vae:NAME`` — the decoder of a trained variational autoencoder as a prior.

    prior = invkit.prior("vae:blurA")          # shipped or in the user store; or vae:./mine.safetensors
    w = prior(prior.sample_latent(8, rng))     # (8, 1, 28, 28): non-negative, unit sum
    h = prior.encode(w)                        # (8, 50): the encoder's posterior means
    prior.card["metrics"]                      # what was measured of these weights

The latent is N(0, I) a priori, so the penalty is ``‖h‖²``: twice the negative log-density, up to a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit_generative.architectures import VAENetwork
from invkit_generative.loading import Output, Use, as_constants, find, network_of

__all__ = ["VAE", "Output", "to_network"]


class VAE(Generator):
    """A VAE's decoder, with its encoder for starts.

    ``output="image"``: the signal is the decoder's output, in (0, 1). ``output="unit-sum"``: for kernels. The
    decoder was trained on kernels scaled to maximum 1; its output is divided by its sum, which removes the
    scale ambiguity of blind deconvolution.

    Args:
        network: encoder and decoder; its parameters become constants.
        output: how the decoder's values become a signal.
        card: what is known of the weights; see `invkit.files.store`.
        sha256: of the weights file, where they come from one; a configuration records it.

    Source: arXiv 1802.04073, Section 4. The unit sum is ours.
    """

    can_encode = True

    def __init__(
        self,
        network: VAENetwork,
        output: Output = "image",
        card: Mapping[str, Any] | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        self.network = as_constants(network)
        self.output = output
        self.role = "kernel" if output == "unit-sum" else "image"
        self.bounds = (0.0, 1.0)
        self.card = dict(card or {})
        use = Use.of(self.card)
        self.penalty_weight, self.class_prior = use.penalty_weight, use.class_prior
        self.sha256 = sha256
        self.latent_shape, self.signal_shape = network.latent_shape, network.signal_shape

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> VAE:
        """Build ``vae:name``: a shipped prior, one in the user store, or the path of a weights file."""
        return cls.load(store.read_prior(find(registry, "vae", name)))

    @classmethod
    def load(cls, trained: store.TrainedPrior) -> VAE:
        """Build the prior that a weights file describes.

        Raises:
            WeightsError: it is of another kind, its architecture is unknown, or tensors and architecture
                disagree.
        """
        network, output = network_of(trained, "vae")
        return cls(network, output, trained.card, trained.sha256)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """``C(m)``, an image in (0, 1), or ``B(h)``, a non-negative kernel of unit sum."""
        values = self.network.decode(latent)
        return values / values.sum((1, 2, 3), keepdim=True) if self.output == "unit-sum" else values

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Return the mean of the encoder's posterior q(latent | signal)."""
        return self.network.encode(to_network(signal, self.output))[0]


def to_network(signal: Float[Tensor, "n c h w"], output: Output) -> Float[Tensor, "n c h w"]:
    """Return a signal as the network sees it: kernels scaled to maximum 1, images as they are."""
    if output == "image":
        return signal
    return signal / signal.amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(signal.dtype).tiny)
