"""The step of ``pnp`` that finds the kernel, for an image of which the denoiser is not sure.

    step = KernelStep(scene.operator, scene.x_shape, prior_w, sigma)
    h = step(h, v, z, 0.05)                     # v: the measurement, z: what the denoiser made at the level s

With z a denoiser's estimate at the level s, the image is taken to be ``z + e``, where e is stationary and
Gaussian. Its power C is what the Wiener filter leaves of an image with the power spectrum P of z, in noise of
s:

    C(f) = P(f) s² / (P(f) + s²)

So e has what noise of s hides. The kernel w = B(h) is then the mode of its own posterior, x integrated out:

    h ← argmin ½ Σ_f [ |V − W Z|² / (σ² + C |W|²) + log(σ² + C |W|²) ](f)  +  ½ penalty(h, w)

in the DFT, where v is the measurement and σ² the variance of its noise. With e left out, a kernel would be
found that explains z's own errors. P is the mean of ``|Z|²`` over rings of equal |f|, and over channels;
at f = 0 it is zero.

Source: the marginal likelihood of a kernel is that of Levin, Weiss, Durand and Freeman, CVPR 2011. Putting a
denoiser's estimate and its expected error in the image prior's place is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape, Window
from invkit.solving import half_weights
from invkit_denoiser.quasi_newton import QuasiNewton

__all__ = ["KernelStep", "ring_power"]

_STEPS = 2
"""Quasi-Newton steps in one step."""


class KernelStep:
    """``h ← argmin −log p(v | B(h), z, s) + ½ penalty``, a few quasi-Newton steps of it. What it learns of
    the curvature it keeps for the next call, which is to be of the same kernel.

    Args:
        operator: measures images of ``x_shape``, by a window of a circular convolution.
        x_shape: of the image.
        prior: of the kernel, for one measurement.
        sigma: standard deviation of the noise.
    """

    def __init__(self, operator: BilinearOperator, x_shape: Shape, prior: Generator, sigma: float) -> None:
        self.operator, self.x_shape, self.prior, self.sigma = operator, x_shape, prior, sigma
        self._descend = QuasiNewton()

    def window(self, h: Float[Tensor, "1 *h"]) -> Window:
        """The convolution by the kernel of a latent."""
        window = self.operator.given(w=self.prior(h), x_shape=self.x_shape).window()
        assert window is not None
        return window

    def objective(
        self, v: Float[Tensor, "1 c *frame"], z: Float[Tensor, "1 c *frame"], level: float
    ) -> Callable[[Tensor], Tensor]:
        """The function of the latent that is minimised, in nats, without the constant ``½ n log 2π``.

        Args:
            v: the measurement on the whole frame of the convolution.
            z: the image on that frame.
            level: s.
        """
        dims, size = tuple(range(2, v.ndim)), tuple(v.shape[2:])
        measured, image = torch.fft.rfftn(v, dim=dims), torch.fft.rfftn(z, dim=dims)
        twice = half_weights(size, v)
        power = ring_power(image, size, twice)
        error = power * level**2 / (power + level**2)

        def value(h: Tensor) -> Tensor:
            multipliers = self.window(h).multipliers
            variance = self.sigma**2 + error * multipliers.abs().square()
            misfit = (measured - multipliers * image).abs().square() / prod(size)
            nats = (twice * (misfit / variance + variance.log())).sum()
            return (nats + self.prior.penalty(h, self.prior(h)).sum()) / 2

        return value

    def __call__(
        self,
        h: Float[Tensor, "1 *h"],
        v: Float[Tensor, "1 c *frame"],
        z: Float[Tensor, "1 c *frame"],
        level: float,
    ) -> Float[Tensor, "1 *h"]:
        """The latent after some steps from ``h``; ``h`` where none of them betters it."""
        value = self.objective(v, z, level)

        def measured(h: Tensor) -> tuple[float, Tensor]:
            h = h.detach().requires_grad_()
            with torch.enable_grad():
                now = value(h)
                (gradient,) = torch.autograd.grad(now, h)
            return float(now.detach()), gradient

        return self._descend(measured, h.detach(), _STEPS)


def ring_power(image: Tensor, size: tuple[int, ...], twice: Tensor) -> Float[Tensor, "*half"]:
    """P: the power of a pixel, over rings of equal |f| about the level, which belongs to none."""
    square: Any = 0.0
    for axis, length in enumerate(size):
        own = torch.fft.rfftfreq if axis == len(size) - 1 else torch.fft.fftfreq
        turns = own(length, dtype=twice.dtype, device=twice.device) * max(size)
        square = square + turns.square().reshape(-1, *[1] * (len(size) - 1 - axis))
    rings = square.sqrt().round().long().clamp(max=max(size) // 2).flatten()
    each = image.abs().square().mean((0, 1)).flatten() / prod(size)
    weights = twice.flatten().clone()
    weights[0] = 0  # the level
    total = torch.bincount(rings, weights * each)
    power = (total / torch.bincount(rings, weights).clamp(min=1))[rings]
    return power.reshape(twice.shape)
