"""A Gaussian blur of unknown width as a prior, round or drawn out: one number or four.

    kernel = invkit.prior("gaussian-blur?widest=1.5")        # the law of the data set `gaussian`
    kernel = invkit.prior("gaussian-blur?anisotropic=true")  # an astigmatic lens, a jitter with a direction

With latents h ~ N(0, I) and p a pixel's place from the centre,

    round        w[p] ∝ exp(−‖p‖² / 2σ²),                 σ = narrowest + (widest − narrowest) Φ(h₀)
    anisotropic  w[p] ∝ exp(−u² / 2σ₁² − v² / 2σ₂²),      σᵢ the same of h₂ and h₃,

(u, v) being p turned by the angle α = atan2(h₁, h₀) / 2, halved since half a turn changes nothing. Every
kernel that is not round has two latents: its axes may be exchanged.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit_blurs.gaussian import check_widths
from invkit_blurs.laws import angle, normal, on_circle, uniform
from invkit_blurs.moments import moments

__all__ = ["GaussianPrior"]


class GaussianPrior(invkit.Generator):
    """Gaussian blurs of unit sum, sampled at the pixels, widths uniform in [narrowest, widest].

    Args:
        size: pixels in height and width of the kernels, at least 2.
        widest: largest standard deviation in pixels, above ``narrowest`` and at most a quarter of ``size``.
        narrowest: least standard deviation, at least 0.1.
        anisotropic: two widths and an angle (a latent of 4) instead of one width (of 1).

    Raises:
        InputError: an empty or unusable range of widths.
    """

    role = "kernel"
    can_encode = True

    def __init__(
        self, size: int = 28, widest: float = 3.0, narrowest: float = 0.5, anisotropic: bool = False
    ) -> None:
        super().__init__()
        check_widths(size, narrowest, widest, "narrowest < widest", apart=True)
        self.size, self.widest, self.narrowest = size, float(widest), float(narrowest)
        self.anisotropic = anisotropic
        self.latent_shape, self.signal_shape = (4 if anisotropic else 1,), (1, size, size)

    def forward(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n 1 size size"]:
        position = torch.arange(self.size, dtype=latent.dtype, device=latent.device) - (self.size - 1) / 2
        y, x = torch.meshgrid(position, position, indexing="ij")
        if self.anisotropic:
            alpha = angle(latent[:, :2])[:, None, None] / 2
            first, second = self._width(latent[:, 2]), self._width(latent[:, 3])
            u, v = alpha.cos() * x + alpha.sin() * y, alpha.cos() * y - alpha.sin() * x
            exponent = (u / first).square() + (v / second).square()
        else:
            exponent = (x**2 + y**2) / self._width(latent[:, 0]).square()
        return torch.softmax(-exponent.flatten(1) / 2, dim=1).unflatten(1, (1, self.size, self.size))

    def numbers(self, latent: Float[Tensor, "n latent"]) -> dict[str, Float[Tensor, "n"]]:
        """The ``sigma`` in pixels; of two widths ``sigma_1``, ``sigma_2`` and the first's ``angle`` in
        degrees.
        """
        widths = [self._width(each).flatten() for each in latent[:, -2:].unbind(1)]
        if not self.anisotropic:
            return {"sigma": widths[-1]}
        alpha = torch.rad2deg(angle(latent[:, :2]) / 2)
        return {"sigma_1": widths[0], "sigma_2": widths[1], "angle": alpha}

    def encode(self, signal: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n latent"]:
        """The Gaussian of the same second moments, widths being the roots of the eigenvalues.

        Sampled at pixels and cut by the support, a Gaussian's moments are σ² only to a few per cent, and less
        exactly below σ = 0.5.
        """
        spread, tilt = moments(signal)
        if not self.anisotropic:
            return self._latent(spread)[:, None]
        half = tilt.norm(dim=1)
        widths = torch.stack([self._latent(spread + half), self._latent(spread - half)], dim=1)
        return torch.cat([on_circle(tilt), widths], dim=1)

    def _width(self, latent: Float[Tensor, "n"]) -> Float[Tensor, "n 1 1"]:
        return uniform(latent, self.narrowest, self.widest)[:, None, None]

    def _latent(self, variance: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        return normal(variance.clamp(min=0).sqrt(), self.narrowest, self.widest)
