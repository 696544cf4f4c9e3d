"""``denoiser:NAME``: a trained network as a prior of images of any size.

    prior = invkit.prior("denoiser:photographs")          # shipped or in the user store; or a file's path
    prior.denoise(noisy, torch.tensor([0.1]))             # (1, 1, h, w) or (1, 3, h, w)
    prior.card["metrics"]                                 # its PSNR on validation pictures
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.denoiser import Denoiser
from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit.training import networks
from invkit_denoiser.network import ARCHITECTURES, Plain

__all__ = ["TrainedDenoiser"]

_SIDE = 32  # pixels of the picture by which weights are judged as they are read


class TrainedDenoiser(Denoiser):
    """A network trained to take noise off.

    Args:
        network: from pictures in [−½, ½] and σ to pictures in [−½, ½]; its parameters become constants.
        noisiest: the largest σ that it was trained for; more counts as that.
        card: the card of the weights; see `invkit.files.store`.
        sha256: of the weights file, where they come from one; a configuration records it.
    """

    def __init__(
        self,
        network: Plain,
        noisiest: float = 50 / 255,
        card: Mapping[str, Any] | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__((1, network.channels) if network.grey else network.channels)
        self.network = networks.channels_last(network).eval().requires_grad_(False)
        self.noisiest, self.card, self.sha256 = noisiest, dict(card or {}), sha256

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> TrainedDenoiser:
        """Build ``denoiser:name``: a shipped one, one in the user store, or the path of a weights file.

        Raises:
            WeightsError: there is none, it is of another kind, its architecture is unknown, or tensors and
                architecture disagree.
        """
        trained = store.load(registry, "denoiser", name, called="denoiser")
        noisiest = trained.card.get("noisiest", 50 / 255)
        if not isinstance(noisiest, int | float) or not 0 < noisiest <= 1:
            raise WeightsError(
                f"in the card in {trained.path}, noisiest is {noisiest!r}", hint="expected a σ of at most 1"
            )
        network = networks.trained(ARCHITECTURES, trained)
        built = cls(network, float(noisiest), trained.card, trained.sha256)
        grey = torch.full((1, network.channels, _SIDE, _SIDE), 0.5)
        networks.require_finite(trained, built.denoise(grey, torch.tensor([built.noisiest])))
        return built

    def denoise(
        self, signal: Float[Tensor, "n c h w"], sigma: Float[Tensor, "n"]
    ) -> Float[Tensor, "n c h w"]:
        with torch.no_grad():
            weight = self.network.enter.weight
            level = sigma.to(weight).clamp(0, self.noisiest)
            picture = (signal - 0.5).to(weight).contiguous(memory_format=torch.channels_last)
            made: Tensor = self.network(picture, level)
        return (made + 0.5).contiguous().to(signal)
