"""Camera shake as a prior without a network: a curve whose direction is a sum of a few smooth functions.

    kernel = invkit.prior("trajectory")                        # 21 latents: 2 + 1 + 16 + 2
    w = kernel(kernel.sample_latent(8, rng))                   # (8, 1, 28, 28)

The kernels of :mod:`invkit_blurs.shake` are traces of a point that moves at constant speed. Such a curve is
known once its length L and its direction θ(t), t = 1, …, T − 1, are. With latents h ~ N(0, I),

    L     = shortest + (longest − shortest) Φ(h₂)
    θ(t)  = atan2(h₁, h₀) + Σ_k h₂₊ₖ √λ_k φ_k(t)
    p(t)  = L / (T − 1) Σ_{s ≤ t} (cos θ(s), sin θ(s)),      p(0) = 0,    T = 100

after which, as there, the centroid of p is moved to the kernel's centre, a curve that would leave the support
is shrunk to fit, and every sample is shared among its four pixels. (λ_k, φ_k) are the leading principal
components of the family's own direction functions, each minus its mean over t: the mean direction is what the
first two latents say. The first, a steady turn, holds 90 % of the variance, the first sixteen 99.3 %.

The components are those of 4,000 trajectories of the family, drawn with a fixed seed at the first use. Left
out are those, a tenth, that a shake turns back at once: a jump of θ by about π has parts of every order, and
these few curves would rule the order of all. Two latents more, ``shakes`` being the probability p of one, say
when it comes and by how much it turns: after the time t*,

    t* = (T − 1) Φ(h₃₊ₖ) / p      (none where that is T − 1 or more)
    θ turns by arg(1 − 2 exp(i(Φ(h₄₊ₖ) − ½)))

Deviations from the family: lengths are continuous, not whole pixels; length and turning are independent,
whereas there the pull to the start turns long trajectories more; turns are Gaussian. Every kernel has several
latents: the curve run backwards is the same kernel.

Source: the family is that of G. Boracchi and A. Foi, "Modeling the performance of image restoration from
motion blur", IEEE Trans. Image Processing 21(8), 2012; the parametrisation is our own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit_blurs.exposure import expose
from invkit_blurs.laws import angle, uniform
from invkit_blurs.shake import trajectories

__all__ = ["Trajectory", "direction_modes"]

_STEPS = 99
_DRAWN, _SEED = 4_000, 2012
#: turns of one step, in radians, above which it is a shake: those of shakes are near π, others below 1
_SHAKE = 1.5


@cache
def direction_modes() -> Float64[np.ndarray, "99 99"]:
    """Return √λ_k φ_k(t) in radians, one row for each k, the largest λ first.

    φ_k are of unit norm over the 99 steps, and signed so that they end higher than they begin.
    """
    curves = trajectories(_DRAWN, torch.Generator().manual_seed(_SEED))
    velocity = np.diff(curves, axis=1)
    turns = np.angle(velocity[:, 1:] / velocity[:, :-1])
    turns = turns[np.abs(turns).max(axis=1) < _SHAKE]
    directions = np.pad(np.cumsum(turns, axis=1), ((0, 0), (1, 0)))
    directions -= directions.mean(axis=1, keepdims=True)
    variances, modes = np.linalg.eigh(directions.T @ directions / len(directions))
    modes = modes.T[::-1] * np.sqrt(np.maximum(variances[::-1], 0))[:, None]
    signs: Float64[np.ndarray, "99 1"] = np.where(modes[:, -1:] < modes[:, :1], -1.0, 1.0)
    return signs * modes


class Trajectory(invkit.Generator):
    """Camera-shake kernels: unit sum, non-negative, centroid in the middle.

    The latent holds two numbers for the mean direction, one for the length, one for each mode, and two for a
    shake.

    Args:
        size: pixels in height and width of the kernels.
        modes: K, of the direction, 1 to 98 (the mean is no mode).
        shortest: least length of a curve in pixels, above 0.
        longest: largest length, at least ``shortest`` and at most ``size``.
        shakes: probability that a shake turns the curve back, once, in [0, 1]; 0: there is none, and no
            latents for it.

    Raises:
        InputError: a size, length, probability or number of modes out of range.
    """

    directions: Tensor

    role = "kernel"

    def __init__(
        self,
        size: int = 28,
        modes: int = 16,
        shortest: float = 5.0,
        longest: float = 28.0,
        shakes: float = 0.1,
    ) -> None:
        super().__init__()
        if size < 2:
            raise InputError(f"a kernel of size {size} holds no trajectory", hint="give size=2 or more")
        if not 1 <= modes < _STEPS:
            raise InputError(f"modes={modes} of a direction at {_STEPS} steps", hint="give modes=1 to 98")
        if not 0 < shortest <= longest <= size:
            raise InputError(
                f"trajectories of length {shortest:g} to {longest:g} in a kernel of size {size}",
                hint=f"give 0 < shortest <= longest <= {size}, or a larger size",
            )
        if not 0 <= shakes <= 1:
            raise InputError(f"shakes={shakes:g} is no probability", hint="give 0 to 1; the family has 0.1")
        self.size, self.shortest, self.longest = size, float(shortest), float(longest)
        self.modes, self.shakes = modes, float(shakes)
        self.latent_shape = (3 + modes + (2 if shakes else 0),)
        self.signal_shape = (1, size, size)
        # Constants of the family, not weights: they stay out of the state dict.
        modes_used = torch.from_numpy(direction_modes()[:modes].copy())
        self.register_buffer("directions", modes_used, persistent=False)

    def curve(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n 2 samples"]:
        """The 100 samples (x, y) of every curve, in pixels from the kernel's centre."""
        length = uniform(latent[:, 2], self.shortest, self.longest)
        turns = latent[:, 3 : 3 + self.modes] @ self.directions.to(latent)
        direction = angle(latent[:, :2])[:, None] + turns
        steps = torch.stack([direction.cos(), direction.sin()], dim=1)
        if self.shakes:
            steps = self._shaken(steps, direction, latent[:, 3 + self.modes :])
        steps = steps * (length / _STEPS)[:, None, None]
        curve = torch.nn.functional.pad(steps.cumsum(2), (1, 0))
        curve = curve - curve.mean(2, keepdim=True)
        reach = curve.abs().amax((1, 2))
        return curve * ((self.size - 1) / 2 / reach).clamp(max=1)[:, None, None]

    def _shaken(
        self, steps: Float[Tensor, "n 2 t"], direction: Float[Tensor, "n t"], shake: Float[Tensor, "n 2"]
    ) -> Float[Tensor, "n 2 t"]:
        """The unit steps, turned back after the time of the shake; the step in which it comes in part."""
        time, turned = uniform(shake[:, 0], 0.0, _STEPS / self.shakes), uniform(shake[:, 1], -0.5, 0.5)
        back = direction + torch.atan2(-2 * turned.sin(), 1 - 2 * turned.cos())[:, None]
        passed = torch.arange(1, _STEPS + 1, dtype=shake.dtype, device=shake.device) - time[:, None]
        share = passed.clamp(0, 1)[:, None]
        return (1 - share) * steps + share * torch.stack([back.cos(), back.sin()], dim=1)

    def forward(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n 1 size size"]:
        return expose(self.curve(latent), self.size)
