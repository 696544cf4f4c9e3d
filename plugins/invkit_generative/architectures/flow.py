"""`flow`: another architecture, and a normalizing flow that learns where its latents lie.

    network = build("flow", {"vae": "paper-blur"})
    network.decode(torch.randn(8, 50))                # vae.decode(flow(u))

Training a VAE asks its latents to be N(0, I), but the pixels weigh more. Where many latents are used for
signals of few dimensions, the latents of the data fill a small part of N(0, I), and a decoder makes nonsense
of the rest: a draw from N(0, I) is then no signal of the data's kind, and ‖h‖² says nothing about a signal.
The flow f maps N(0, I) to the latents that the data have, so that with u ~ N(0, I)

    h = f(u),      signal = decode(f(u)),      −2 log p(u) = ‖u‖² + const.

The decoder and its range stay as they are. f is a chain of affine couplings: half of the numbers say by how
much the other half is scaled and shifted. Between two couplings a fixed orthogonal matrix mixes all of them.
It is trained when the VAE is, whose weights stay as they are, by the likelihood of latents drawn from the
encoder:

    loss = ½ ‖u‖² − log |det ∂u/∂h|,      u = f⁻¹(h),      h ~ q(h | signal).

Sources: L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP", arXiv 1605.08803, for
the couplings; B. Dai and D. Wipf, "Diagnosing and enhancing VAE models", arXiv 1903.05789, for a second model
of the latents. The fixed mixing is ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from invkit.errors import WeightsError
from invkit.training import networks
from invkit_generative.architectures.network import VAENetwork
from invkit_generative.architectures.plain import PLAIN

__all__ = ["Flow", "FlowVAE"]


class FlowVAE(VAENetwork):
    """A VAE with a flow before its decoder.

    Args:
        vae: the name of its architecture; its latent has one axis.
        vae_options: the options of that architecture.
        couplings: of the flow, 1 or more.
        width: units of both hidden layers of each coupling.
    """

    def __init__(
        self,
        vae: str = "paper-blur",
        vae_options: Mapping[str, Any] | None = None,
        couplings: int = 8,
        width: int = 128,
    ) -> None:
        super().__init__()
        self.vae = networks.build(PLAIN, vae, vae_options).eval()
        self.latent_shape, self.signal_shape = self.vae.latent_shape, self.vae.signal_shape
        if len(self.latent_shape) != 1 or self.latent_shape[0] < 2:
            raise WeightsError(
                f"a flow needs latents of two numbers or more on one axis, {vae} has {self.latent_shape}",
                hint="set latent=2 or more",
            )
        if couplings < 1 or width < 1:
            raise WeightsError(
                f"a flow of {couplings} couplings and width {width}", hint="choose 1 or more of both"
            )
        self.flow = Flow(self.latent_shape[0], couplings, width)

    def train(self, mode: bool = True) -> FlowVAE:
        """Put the flow in the mode; the VAE is always used as trained."""
        super().train(mode)
        self.vae.eval()
        return self

    def encode(self, signal: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """The latent u of the mean of q(h | signal), and the log-variance of q, which is one of h."""
        mean, log_variance = self.vae.encode(signal)
        return self.flow.inverse(mean)[0], log_variance

    def decode(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        return self.vae.decode(self.flow(latent))


class Flow(nn.Module):
    """An invertible map from N(0, I) to another density; the identity but for the mixing before training.

    Args:
        size: numbers of a latent, 2 or more.
        couplings: how many.
        width: units of both hidden layers of each.
    """

    mix: Tensor

    def __init__(self, size: int, couplings: int, width: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(_Coupling(size, width) for _ in range(couplings))
        self.register_buffer("mix", _orthogonal(size), persistent=False)

    def forward(self, u: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """h of u."""
        for coupling in self.couplings:
            u = coupling(u @ self.mix)
        return u

    def inverse(self, h: Float[Tensor, "n k"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n"]]:
        """u of h, and log |det ∂u/∂h|."""
        volume = h.new_zeros(len(h))
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, _Coupling)
            h, change = coupling.inverse(h)
            h, volume = h @ self.mix.mT, volume + change
        return h, volume


class _Coupling(nn.Module):
    """``(a, b) → (a, b exp s(a) + t(a))``, with |s| ≤ 2; the identity at first."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.kept = size // 2
        self.layers = nn.Sequential(
            *(nn.Linear(self.kept, width), nn.GELU(), nn.Linear(width, width), nn.GELU()),
            networks.zeroed(nn.Linear(width, 2 * (size - self.kept))),
        )

    def forward(self, u: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        a, b, scale, shift = self._parts(u)
        return torch.cat([a, b * scale.exp() + shift], 1)

    def inverse(self, h: Float[Tensor, "n k"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n"]]:
        a, b, scale, shift = self._parts(h)
        return torch.cat([a, (b - shift) * (-scale).exp()], 1), -scale.sum(1)

    def _parts(self, values: Float[Tensor, "n k"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b = values[:, : self.kept], values[:, self.kept :]
        scale, shift = self.layers(a).chunk(2, 1)
        return a, b, 2 * torch.tanh(scale / 2), shift


def _orthogonal(size: int) -> Float[Tensor, "k k"]:
    """An orthogonal matrix without structure, the same everywhere: Q of ``sin(√2 i² j) = QR``.

    R has a positive diagonal, which makes Q unique.
    """
    if torch.get_default_device().type == "meta":  # a network that is only planned
        return torch.empty(size, size)
    number = torch.arange(1, size + 1, dtype=torch.float64, device="cpu")
    q, r = torch.linalg.qr((math.sqrt(2) * number[:, None].square() * number).sin())
    return (q * r.diagonal().sign()).float()
