"""``vae:NAME`` — the decoder of a trained variational autoencoder as a prior.

    prior = invkit.prior("vae:blurA")              # shipped; or vae:./mine.safetensors, or one in the user store
    w = prior(prior.sample_latent(8, rng))         # (8, 1, 28, 28): non-negative, unit sum
    h = prior.encode(w)                            # (8, 50): the encoder's posterior means
    prior.card["metrics"]                          # what was measured of these weights

The latent is N(0, I) a priori, so the penalty is ``‖h‖²``: twice the negative log-density, up to a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from invkit.contracts.generator import Generator
from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from jaxtyping import Float
from torch import Tensor

from invkit_generative.architectures import VAENetwork, build

#: how the decoder's values in (0, 1) become a signal
Output = Literal["image", "unit-sum"]


class VAE(Generator):
    """A VAE's decoder, with its encoder for starts.

    ``output="image"``: the signal is the decoder's output, in (0, 1). ``output="unit-sum"``: for kernels. The decoder was
    trained on kernels scaled to maximum 1; its output is divided by its sum, which removes the scale ambiguity of
    blind deconvolution.
    """

    can_encode = True

    def __init__(self, network: VAENetwork, output: Output = "image", card: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        # 20-channel convolutions run about twice as fast on a CPU with channels last
        self.network = network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]
        self.output = output
        self.card = dict(card or {})
        self.latent_shape, self.signal_shape = network.latent_shape, network.signal_shape

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> VAE:
        """The prior ``vae:name``: a shipped one, one in the user store, or a path to a ``.safetensors`` file."""
        return cls.load(store.read_prior(store.find(registry, "vae", name)))

    @classmethod
    def load(cls, trained: store.TrainedPrior) -> VAE:
        """The prior that a weights file describes; raises :class:`WeightsError` where tensors and architecture disagree."""
        card = trained.card
        if card["kind"] != "vae":
            raise WeightsError(f"{trained.path} holds a {card['kind']!r} prior, not a VAE", hint=f"write {card['kind']}:{trained.path}")
        network = build(card["architecture"]["name"], card["architecture"]["options"])
        try:
            network.load_state_dict({name: tensor.float() for name, tensor in trained.tensors.items()})
        except RuntimeError as error:
            raise WeightsError(f"{trained.path}: the tensors are not those of {card['architecture']}", hint="train it again") from error
        return cls(network, card["architecture"]["output"], card)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """``C(m)``, an image in (0, 1), or ``B(h)``, a non-negative kernel of unit sum."""
        values = self.network.decode(latent)
        return values / values.sum((1, 2, 3), keepdim=True) if self.output == "unit-sum" else values

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The mean of the encoder's posterior q(latent | signal)."""
        return self.network.encode(to_network(signal, self.output))[0]


def to_network(signal: Float[Tensor, "n c h w"], output: Output) -> Float[Tensor, "n c h w"]:
    """A signal as the network sees it: kernels scaled to maximum 1, images as they are."""
    if output == "image":
        return signal
    return signal / signal.amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(signal.dtype).tiny)
