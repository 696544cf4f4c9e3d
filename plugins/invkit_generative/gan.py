"""``gan:NAME`` — the generator of a trained generative adversarial network as a prior.

    prior = invkit.prior("gan:celeba")
    x = prior(prior.sample_latent(8, rng))     # (8, 3, 64, 64), values in [0, 1]

The latent is N(0, I) a priori, so the penalty is ``‖m‖²``. There is no encoder: solvers start it at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit_generative.architectures import VAENetwork
from invkit_generative.loading import Use, as_constants, find, network_of

__all__ = ["GAN"]


class GAN(Generator):
    """A generator of images in [0, 1].

    Args:
        network: its parameters become constants.
        card: what is known of the weights; see `invkit.files.store`.
        sha256: of the weights file, where they come from one; a configuration records it.

    Source: arXiv 1802.04073, Section 4.3.
    """

    def __init__(
        self, network: VAENetwork, card: Mapping[str, Any] | None = None, sha256: str | None = None
    ) -> None:
        super().__init__()
        self.network = as_constants(network)
        self.bounds = (0.0, 1.0)
        self.card = dict(card or {})
        unit_sum = self.card.get("architecture", {}).get("output") == "unit-sum"
        self.role = "kernel" if unit_sum else "image"
        use = Use.of(self.card)
        self.penalty_weight, self.class_prior = use.penalty_weight, use.class_prior
        self.sha256 = sha256
        self.latent_shape, self.signal_shape = network.latent_shape, network.signal_shape

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> GAN:
        """Build ``gan:name``: a shipped prior, one in the user store, or the path of a weights file."""
        return cls.load(store.read_prior(find(registry, "gan", name)))

    @classmethod
    def load(cls, trained: store.TrainedPrior) -> GAN:
        """Build the prior that a weights file describes.

        Raises:
            WeightsError: it is of another kind, its architecture is unknown, or tensors and architecture
                disagree.
        """
        network, _ = network_of(trained, "gan")
        return cls(network, trained.card, trained.sha256)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """``G(m)``, an image in [0, 1]."""
        return self.network.decode(latent)
