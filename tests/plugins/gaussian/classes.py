"""Tiny classes of images, and their Gaussians written out: the reference for everything in closed form."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.linear import LinearOperator
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.marginal import GaussianMarginal
from invkit_gaussian.moments import Moments, half_spectrum

#: circular and linear convolutions, and gains: the three kinds of operators
OPERATORS = ("circconv", "linconv", "pointwise")


def moments_of(
    colour: str = "joint",
    channels: int = 3,
    size: tuple[int, int] = (4, 5),
    rank: int = 3,
    *,
    contrast: bool = False,
    texture: bool = False,
    seed: int = 0,
) -> Moments:
    """A class by chance, in double precision."""
    rng = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    together = channels if colour == "joint" else 1
    flat = random(channels, 1, 1).expand(channels, *size)
    contrasts = {"joint": random(1 if contrast else 0) / 3, "axes": random(channels) / 3}[colour]
    return Moments(
        colour=colour,  # type: ignore[arg-type]
        mean=random(channels, *size) if colour == "joint" else flat.clone(),
        basis=random(rank, together, *size) / 2,
        spectrum=half_spectrum(random(2, together, *size)).abs().square().mean(0) / 8 + 0.01,
        rotation=torch.linalg.qr(random(channels, channels))[0],
        level=0.0 if colour == "joint" else 0.4,
        contrasts=contrasts,
        spread=0.4,
        texture=random(2, 3 if texture else 0) / 6,
    )


@st.composite
def classes(draw: st.DrawFn) -> Moments:
    """Classes of both colours, of 1 or 3 channels, odd and even sizes, and any rank from none to all."""
    colour, channels = draw(st.sampled_from(["joint", "axes"])), draw(st.sampled_from([1, 3]))
    size = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    most = math.prod(size) * (channels if colour == "joint" else 1)
    rank, contrast, texture = draw(st.integers(0, most)), draw(st.booleans()), draw(st.booleans())
    return moments_of(
        colour, channels, size, rank, contrast=contrast, texture=texture, seed=draw(st.integers(0, 99))
    )


@attrs.frozen(eq=False)
class Case:
    """Measurements of a class, the frozen operator, and what else the evidence is a function of."""

    moments: Moments
    operator: invkit.BilinearOperator
    w: Tensor
    y: Tensor
    nuisance: Tensor
    variance: Tensor

    @classmethod
    def draw(cls, moments: Moments, operator: str, n: int = 3, seed: int = 0) -> Case:
        """``n`` images of the class, each with a kernel of its own."""
        rng = torch.Generator().manual_seed(seed)
        like: dict[str, Any] = {"generator": rng, "dtype": torch.float64}
        _, height, width = moments.mean.shape
        built = invkit.operator(operator)
        shape = (1, height, width) if operator == "pointwise" else (1, min(height, 3), min(width, 2))
        w = torch.rand(n, *shape, **like) + 0.1
        prior = Gaussian(moments)
        x = prior(prior.sample_latent(n, rng, dtype=torch.float64))
        clean = built(w, x)
        y = clean + 0.1 * torch.randn(clean.shape, **like)
        nuisance = torch.randn(n, prior.marginal(y).nuisances, **like) / 2
        return cls(moments, built, w, y, nuisance, 0.005 + 0.02 * torch.rand(n, **like))

    @property
    def linear(self) -> LinearOperator:
        return self.operator.given(w=self.w, x_shape=tuple(self.moments.mean.shape))

    @property
    def marginal(self) -> GaussianMarginal:
        return Gaussian(self.moments).marginal(self.y)

    def written_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """A, E[x] and Σ of every measurement. The generator is linear in its white latent, ``x = μ + B m``,
        so that Σ = B Bᵀ: with each measurement's own colour axes and contrasts in the generator.
        """
        pairs = []
        for row, nuisance in enumerate(self.nuisance):
            prior = Gaussian(self._own(row, nuisance))
            (k,) = prior.latent_shape or ()
            centre = prior(torch.zeros(1, k, dtype=torch.float64))
            b = (prior(torch.eye(k, dtype=torch.float64)) - centre).flatten(1).T
            pairs.append((centre.flatten(), b @ b.T))
        means, sigma = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return self.linear.matrix(len(self.y), self.y), means, sigma

    def _own(self, row: int, nuisance: Tensor) -> Moments:
        """The class with the contrasts, the texture, and of axes the colours, of one measurement."""
        moments, y = self.moments, self.y[row]
        centre, rotation = moments.contrasts, moments.rotation
        if moments.colour == "axes" and len(y) == len(moments.mean):
            centred = (y - y.mean((1, 2), keepdim=True)).flatten(1)
            variances, axes = torch.linalg.eigh(centred @ centred.T / centred.shape[1])
            rotation = axes.flip(1)
            centre = variances.flip(0).clamp(min=0).sqrt().clamp(min=1e-3).log() + 0.25
        own, spectrum = nuisance[: len(moments.contrasts)], moments.spectrum
        if moments.texture.numel():
            _, height, width = moments.mean.shape
            rows, columns = torch.meshgrid(
                torch.fft.fftfreq(height), torch.fft.fftfreq(width), indexing="ij"
            )  # of the whole spectrum, each bin once
            log = torch.hypot(rows, columns).clamp(min=1 / max(height, width)).double().log()
            log = (log - log.mean())[:, : width // 2 + 1]
            level, tilt = moments.texture @ torch.cat([torch.ones(1).double(), nuisance[len(own) :]])
            spectrum = spectrum * (2 * (level + tilt * log)).exp()
        return attrs.evolve(
            moments,
            contrasts=centre + moments.spread * own,
            rotation=rotation,
            spectrum=spectrum,
            texture=torch.zeros(2, 0).double(),
        )

    def density(self) -> Tensor:
        """``−log N(y; A E[x], A Σ Aᵀ + σ²I)``."""
        a, mean, sigma = self.written_out()
        values = []
        for row, y in enumerate(self.y.flatten(1)):
            c = a[row] @ sigma[row] @ a[row].T + self.variance[row] * torch.eye(len(y), dtype=torch.float64)
            law = torch.distributions.MultivariateNormal(a[row] @ mean[row], (c + c.T) / 2)
            values.append(-law.log_prob(y))
        return torch.stack(values)

    def posterior(self) -> tuple[Tensor, Tensor]:
        """The dense posterior's means (n, C, H, W) and covariances (n, d, d)."""
        a, mean, sigma = self.written_out()
        identity = torch.eye(a.shape[1], dtype=torch.float64)
        c = a @ sigma @ a.mT + self.variance[:, None, None] * identity
        gain = torch.linalg.solve(c, a @ sigma).mT
        d = self.y.flatten(1) - (a @ mean[..., None])[..., 0]
        means = mean + (gain @ d[..., None])[..., 0]
        return means.reshape(-1, *self.moments.mean.shape), sigma - gain @ a @ sigma
