"""``vae:NAME`` and ``gan:NAME``: the decoder of a trained network as a prior.

    prior = invkit.prior("vae:blurA")          # shipped or in the user store; or vae:./mine.safetensors
    w = prior(prior.sample_latent(8, rng))     # (8, 1, 28, 28): non-negative, unit sum
    h = prior.encode(w)                        # (8, 50): the encoder's posterior means; a GAN has none
    prior.card["metrics"]                      # what was measured of these weights

The latent is N(0, I) a priori, so the penalty is ``‖h‖²``: twice the negative log-density, up to a constant.
That is true of a trained network only as far as its training made it true. Where latents of the data are a
small part of N(0, I), a flow before the decoder makes it true (:mod:`invkit_generative.architectures.flow`);
``vae:shake`` has one, and ``vae:shake?flow=false`` is the decoder without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit.training import networks
from invkit_generative.architectures import ARCHITECTURES, FlowVAE, VAENetwork

__all__ = ["GAN", "VAE", "Decoder", "Output", "to_network"]

_DRAWS = 4  # signals by which weights are judged as they are read

Output = Literal["image", "unit-sum"]
"""How the decoder's values in [0, 1] become a signal."""


class Decoder(Generator):
    """The decoder of a trained network.

    ``output="image"``: the signal is the decoder's output, in [0, 1]. ``output="unit-sum"``: for kernels. The
    decoder was trained on kernels scaled to maximum 1; its output is divided by its sum, which removes the
    scale ambiguity of blind deconvolution.

    Args:
        network: its parameters become constants.
        output: how the decoder's values become a signal.
        card: the card of the weights; see `invkit.files.store`.
        sha256: of the weights file, where they come from one; a configuration records it.

    Source: arXiv 1802.04073, Section 4. The unit sum is ours.
    """

    #: kind of the weights
    kind: ClassVar[str]

    def __init__(
        self,
        network: VAENetwork,
        output: Output = "image",
        card: Mapping[str, Any] | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        self.network = networks.channels_last(network).eval().requires_grad_(False)
        self.output = output
        self.bounds = (0.0, 1.0)
        self.role = "kernel" if output == "unit-sum" else "image"
        self.card = dict(card or {})
        self.penalty_weight = _penalty_weight(self.card)
        self.sha256 = sha256
        self.latent_shape, self.signal_shape = network.latent_shape, network.signal_shape

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> Decoder:
        """Build ``kind:name``: a shipped prior, one in the user store, or the path of a weights file.

        Raises:
            WeightsError: there is none, it is of another kind, its architecture is unknown, or tensors and
                architecture disagree.
        """
        trained = store.load(registry, cls.kind, name, called=cls.kind.upper())
        match trained.card["architecture"]:
            case {"output": ("image" | "unit-sum") as output}:
                built = cls(networks.trained(ARCHITECTURES, trained), output, trained.card, trained.sha256)
                drawn = built.sample_latent(_DRAWS, torch.Generator().manual_seed(0))
                networks.require_finite(trained, built(drawn))
                return built
            case other:
                raise WeightsError(
                    f"the card in {trained.path} has the architecture {other!r}, "
                    "expected its name, options and output (image or unit-sum)",
                    hint="train it again",
                )

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        values = self.network.decode(latent)
        return values / values.sum((1, 2, 3), keepdim=True) if self.output == "unit-sum" else values


class VAE(Decoder):
    """A VAE's decoder, with its encoder for starts: the mean of the posterior q(latent | signal)."""

    kind = "vae"
    can_encode = True

    @classmethod
    def from_spec(cls, name: str, flow: bool = True, *, registry: Registry) -> VAE:
        """Build ``vae:name``; see :meth:`Decoder.from_spec`.

        Args:
            name: of the weights.
            flow: false: the latent is the decoder's own, without the flow that was trained for it. Draws may
                then be nothing like the data; this is for a comparison with what the paper prints.
            registry: where weights are registered.

        Raises:
            WeightsError: ``flow=false`` of weights that have none.
        """
        built = super().from_spec(name, registry=registry)
        assert isinstance(built, VAE)
        if flow:
            return built
        if not isinstance(built.network, FlowVAE):
            raise WeightsError(f"vae:{name} has no flow", hint="leave out flow=false: it is without one")
        return cls(built.network.vae, built.output, built.card, built.sha256)

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        return self.network.encode(to_network(signal, self.output))[0]


class GAN(Decoder):
    """A generator of images in [0, 1]. There is no encoder: solvers start it at random.

    Source: arXiv 1802.04073, Section 4.3.
    """

    kind = "gan"


def to_network(signal: Float[Tensor, "n c h w"], output: Output) -> Float[Tensor, "n c h w"]:
    """Return a signal as the network sees it: kernels scaled to maximum 1, images as they are."""
    if output == "image":
        return signal
    return signal / signal.amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(signal.dtype).tiny)


def _penalty_weight(card: Mapping[str, Any]) -> float | None:
    """The weight that a card's recipe says recovers signals best; see `invkit.Generator.penalty_weight`."""
    weight = card.get("recipe", {}).get("penalty_weight")
    return float(weight) if isinstance(weight, int | float) and weight > 0 else None
