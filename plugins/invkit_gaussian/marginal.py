"""The marginal likelihood of measurements under a Gaussian class prior.

    marginal = GaussianMarginal(moments, block, block, y)
    marginal(linear, nuisance, variance)               # −log p(y)
    marginal.posterior(linear, nuisance, variance)     # evidence, mean and uncertainty together

The nuisance holds the logarithm of every contrast, in standard deviations from what is expected, then level
and tilt of the texture, where the class has any (:mod:`invkit_gaussian.texture`); all colour axes share one
texture. With axes, the measurement itself says what contrast to expect. Blur by one kernel for all channels
keeps an image's colours on the same line, so the colour axes are those of the measurement. Its standard
deviations along them, which blur has made smaller, times e^¼, are the centres of the contrasts.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit_gaussian.colour import colour_axes, to_axes, to_channels
from invkit_gaussian.dense import Dense
from invkit_gaussian.diagonal import Diagonal
from invkit_gaussian.fourier import Block, Scale
from invkit_gaussian.frames import Merged
from invkit_gaussian.likelihood import likelihood
from invkit_gaussian.moments import Moments
from invkit_gaussian.posterior import Posterior
from invkit_gaussian.texture import regressors, texture_power

__all__ = ["GaussianMarginal", "expected", "levels"]

#: how much larger the logarithm of a contrast is expected to be than that of the blurred image
_LOST = 0.25
#: the least contrast; 8 bits cannot show less
_LEAST = 1e-3


class GaussianMarginal(Marginal):
    """Measurements of images of a class.

    Args:
        moments: the class, in the measurements' dtype and on their device.
        block: its components and spectrum.
        seen: the same, of the frequencies that the evidence is of.
        y: one measurement a row.
    """

    def __init__(self, moments: Moments, block: Block, seen: Block, y: Float[Tensor, "n *y"]) -> None:
        self.moments, self.block, self.seen = moments, block, seen
        self.nuisances = len(moments.contrasts) + max(moments.texture.shape[1] - 1, 0)
        self._regressors = regressors(block.size, y)
        frames = _frames(y, moments.mean.shape)
        self._rotation, self._centre = (
            (moments.rotation[None], moments.contrasts[None])
            if frames is None
            else expected(moments, torch.stack(frames).mean(0))
        )
        self._bind(y, moments.mean[None])

    def posterior(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Posterior:
        """The posterior given an operator, diagonal in the DFT where the operator allows it."""
        scale, merged = self._scale(nuisance), self._merged(linear, self.block, self._observed)
        if merged is None:
            return Dense(self.block, scale, self._rotation, self._mean, self._y, linear, variance)
        d = merged.observed - merged.transfer * self._explained
        known = Diagonal(self.block, scale, self._rotation, self._mean, d, merged.transfer, variance)
        return known if merged.frames == 1 else merged.posterior(known, variance, self._mean[0].numel())

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        merged = self._merged(linear, self.seen, self._seen)
        if merged is None:
            return self.posterior(linear, nuisance, variance).evidence()
        contrast, texture = self._own(nuisance)
        explained = self.seen.cut(self._explained)
        texture = None if texture is None else self.seen.cut(texture)
        of_frame = merged.observed, explained, merged.transfer
        value = likelihood(self.seen, *of_frame, contrast, texture, variance)
        return value if merged.frames == 1 else value + merged.beside(variance, self.seen.numbers)

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n *x"]:
        return self.posterior(linear, nuisance, variance).mean()

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """Draw an image x₀ from the prior and noise e, and take the posterior mean about x₀ instead of E[x],
        of ``y − e``.

        It is x₀ + E[x | y] − E[x | A x₀ + e], a draw from the posterior (Papandreou and Yuille, 2010).
        """
        drawn = self.block.signals(self.block.draw(self._scale(nuisance), rng))
        drawn = drawn.reshape(len(nuisance), *self.moments.mean.shape)
        y = self._y
        white = torch.randn(y.shape, generator=rng, dtype=y.dtype, device="cpu").to(y.device)
        noise = white * variance.sqrt().reshape(-1, *[1] * (y.ndim - 1))
        moved = copy.copy(self)
        moved._bind(y - noise, self.moments.mean + to_channels(self._rotation, drawn))
        return moved.mean(linear, nuisance, variance)

    def select(self, index: Tensor) -> GaussianMarginal:
        chosen = copy.copy(self)
        chosen._y = self._y[index]
        chosen._observed = None if self._observed is None else self._observed[index]
        chosen._seen = chosen._observed
        if self._seen is not None and self._seen is not self._observed:
            chosen._seen = self._seen[index]
        if self.moments.colour == "axes" and len(self._rotation) == len(self._y):
            chosen._rotation, chosen._centre = self._rotation[index], self._centre[index]
            chosen._explained = self._explained[index]
        return chosen

    def _bind(self, y: Float[Tensor, "n *y"], mean: Float[Tensor, "m c h w"]) -> None:
        """Take these measurements of images about this mean, and their spectra in colour coordinates."""
        self._y, self._mean = y, mean
        rows = max(len(self._rotation), len(mean))
        self._explained = self.block.spectra(to_axes(self._rotation, mean.expand(rows, -1, -1, -1)))
        frames = _frames(y, mean.shape[1:])
        self._observed = (
            None
            if frames is None
            else torch.stack([self.block.spectra(to_axes(self._rotation, each)) for each in frames], 1)
        )
        self._seen = None if self._observed is None else self.seen.cut(self._observed)

    def _merged(
        self, linear: LinearOperator, block: Block, observed: Complex[Tensor, "n k c f"] | None
    ) -> Merged | None:
        """The measurements as one frame each, where the operator is a circular convolution of each channel
        by one kernel: another for each would mix what is apart in colour coordinates.
        """
        if observed is None:
            return None
        transfer = linear.spectra() if block.largest is None else linear.low_spectra(block.largest)
        if transfer is None or transfer.ndim != 5:
            return None
        if transfer.shape[1] != observed.shape[1] or transfer.shape[2] != 1:
            return None
        return Merged(observed, transfer.flatten(3))

    def _scale(self, nuisance: Float[Tensor, "n k"]) -> Scale:
        """Contrast and texture of every candidate; with axes, of every axis of every candidate."""
        contrast, texture = self._own(nuisance)
        each = None if texture is None else texture.repeat_interleave(contrast.shape[1], 0)
        return Scale(contrast.flatten(), each)

    def _own(
        self, nuisance: Float[Tensor, "n k"]
    ) -> tuple[Float[Tensor, "n b"], Float[Tensor, "n f"] | None]:
        """Contrasts and texture of every candidate; with axes, a contrast of every axis."""
        return levels(self.moments, self._centre, self._regressors, nuisance)


def levels(
    moments: Moments, centre: Float[Tensor, "m k"], at: Float[Tensor, "f 2"], nuisance: Float[Tensor, "n j"]
) -> tuple[Float[Tensor, "n b"], Float[Tensor, "n f"] | None]:
    """Contrasts and texture of every candidate, from its nuisance; of classes without texture None.

    Args:
        moments: the class.
        centre: the logarithms of contrasts that are expected; one row, or one per candidate.
        at: see :func:`invkit_gaussian.texture.regressors`.
        nuisance: of contrasts, then of the texture.
    """
    own, rest = nuisance.tensor_split([len(moments.contrasts)], 1)
    contrast = (centre + moments.spread * own).exp() if own.shape[1] else nuisance.new_ones(len(nuisance), 1)
    return contrast, texture_power(moments.texture, rest, at) if rest.shape[1] else None


def expected(moments: Moments, y: Float[Tensor, "n c h w"]) -> tuple[Tensor, Tensor]:
    """Q and the centres of the contrasts' logarithms; for every measurement, or once for all."""
    if moments.colour == "joint":
        return moments.rotation[None], moments.contrasts[None]
    axes, deviations = colour_axes(y)
    return axes, deviations.clamp(min=_LEAST).log() + _LOST


def _frames(y: Tensor, shape: tuple[int, ...]) -> list[Tensor] | None:
    """Measurements as frames that have each the shape of an image, or None where they are none."""
    if y.ndim != 4 or y.shape[1] % shape[0] or y.shape[2:] != shape[1:]:
        return None
    return list(y.split(shape[0], 1))
