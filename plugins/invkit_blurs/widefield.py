"""The point-spread function of a widefield microscope as a prior: a volume from two numbers.

    kernel = invkit.prior("widefield?size=32x64x64")         # slices, rows, columns
    w = kernel(torch.tensor([[0.0, 0.0]]))                   # (1, 1, 32, 64, 64)

At a distance r from the optical axis and z slices from the focal plane the intensity is, for a lens without
aberrations in the paraxial scalar theory,

    I(r, z) ∝ | ∫₀¹ J₀(α r ρ) exp(−i β z ρ²) ρ dρ |²,      α = 3.8317 / a,      β = α s / 2,

where a is the radius of the Airy disk in pixels, ``0.61 λ / (NA · pixel)``, and s the slope of the cone of
light in pixels a slice, about ``(NA / n) · slice / pixel``. With latents h ~ N(0, I) the logarithms of both
are uniform. Every voxel holds the mean over its volume, by two samples on each axis.

Every slice holds the same light, however far from the focus. So a sharp kernel, by which any measurement
would be its own solution, is not in the family.

Source: M. Born and E. Wolf, Principles of Optics, 7th edition, 1999, section 8.8.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit_blurs.laws import uniform

__all__ = ["Widefield"]

#: the first zero of J₁, that is the radius of the Airy disk times α
_AIRY = 3.8317059702075125
#: samples of a voxel along each axis
_SAMPLES = 2


class Widefield(invkit.Generator):
    """Widefield point-spread functions of unit sum, symmetric about the voxel ``size // 2`` of each axis.

    Args:
        size: slices, rows and columns of the kernels, each at least 2.
        sharpest, widest: least and largest radius of the Airy disk in pixels, positive.
        flattest, steepest: least and largest slope of the cone of light in pixels a slice, positive.

    Raises:
        InputError: sizes below 2, or an empty range of radii or slopes.
    """

    role = "kernel"

    def __init__(
        self,
        size: tuple[int, ...] = (32, 64, 64),
        sharpest: float = 0.5,
        widest: float = 4.0,
        flattest: float = 0.25,
        steepest: float = 4.0,
    ) -> None:
        super().__init__()
        if len(size) != 3 or min(size) < 2:
            raise InputError(f"size={size} is not (slices, rows, columns)", hint="write e.g. size=32x64x64")
        for low, high, names in (
            (sharpest, widest, "sharpest < widest"),
            (flattest, steepest, "flattest < steepest"),
        ):
            if not 0 < low < high < math.inf:
                raise InputError(f"a range from {low:g} to {high:g}", hint=f"give 0 < {names}")
        self.size = (int(size[0]), int(size[1]), int(size[2]))
        self.sharpest, self.widest = float(sharpest), float(widest)
        self.flattest, self.steepest = float(flattest), float(steepest)
        self.latent_shape, self.signal_shape = (2,), (1, *self.size)
        depth, rows, columns = (length // 2 + 1 for length in self.size)
        offsets = (torch.arange(_SAMPLES, dtype=torch.float64) + 0.5) / _SAMPLES - 0.5
        heights, y, x = (torch.arange(n)[:, None] + offsets for n in (depth, rows, columns))
        squares = (y.flatten()[:, None].square() + x.flatten().square()).flatten()
        distances, place = squares.unique(return_inverse=True)
        nodes, weights = _nodes(self.size, self.sharpest, self.steepest)
        for name, constant in {
            "heights": heights.flatten(),
            "distances": distances.sqrt(),
            "place": place.reshape(rows, _SAMPLES, columns, _SAMPLES).transpose(1, 2).flatten(2),
            "nodes": nodes,
            "weights": weights,
        }.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, latent: Float[Tensor, "n 2"]) -> Float[Tensor, "n 1 slices rows columns"]:
        alpha, beta = (each[:, None, None] for each in self._rates(latent))
        nodes, weights, heights, distances = (
            getattr(self, name).to(latent) for name in ("nodes", "weights", "heights", "distances")
        )
        bessel = _J0.apply(alpha * distances[:, None] * nodes) * (nodes * weights)  # (n, distances, nodes)
        phase = beta * heights[:, None] * nodes.square()  # (n, heights, nodes)
        intensity = (phase.cos() @ bessel.mT).square() + (phase.sin() @ bessel.mT).square()
        profile = intensity.unflatten(1, (-1, _SAMPLES)).sum(2)  # (n, slices / 2 + 1, distances)
        octant = profile[..., self.place].sum(-1)
        for axis, length in enumerate(self.size, start=1):
            octant = octant.index_select(
                axis, (torch.arange(length, device=latent.device) - length // 2).abs()
            )
        return (octant / octant.sum((1, 2, 3), keepdim=True))[:, None]

    def numbers(self, latent: Float[Tensor, "n 2"]) -> dict[str, Float[Tensor, "n"]]:
        """The ``radius`` of the Airy disk in pixels and the ``slope`` of the cone in pixels a slice."""
        alpha, beta = self._rates(latent)
        return {"radius": _AIRY / alpha, "slope": 2 * beta / alpha}

    def _rates(self, latent: Float[Tensor, "n 2"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """α in radians a pixel and β in radians a slice."""
        radius = uniform(latent[:, 0], math.log(self.sharpest), math.log(self.widest)).exp()
        slope = uniform(latent[:, 1], math.log(self.flattest), math.log(self.steepest)).exp()
        alpha = _AIRY / radius
        return alpha, alpha * slope / 2


class _J0(torch.autograd.Function):
    """The Bessel function J₀ with its derivative −J₁, which torch does not know."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient * torch.special.bessel_j1(ctx.saved_tensors[0])

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return -tangent * torch.special.bessel_j1(ctx.saved_tensors[0])


def _nodes(size: tuple[int, int, int], sharpest: float, steepest: float) -> tuple[Tensor, Tensor]:
    """Gauss–Legendre nodes and weights on [0, 1], enough for the fastest oscillation of the integrand."""
    alpha = _AIRY / sharpest
    across = alpha * math.hypot(size[1] / 2 + 1, size[2] / 2 + 1)
    along = alpha * steepest / 2 * (size[0] / 2 + 1)
    nodes, weights = np.polynomial.legendre.leggauss(int((across + 2 * along) / 3) + 20)
    return torch.from_numpy(nodes + 1) / 2, torch.from_numpy(weights) / 2
