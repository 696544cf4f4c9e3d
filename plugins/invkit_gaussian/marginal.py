"""The marginal likelihood of measurements under a Gaussian class prior.

    marginal = GaussianMarginal(moments, Block(…), y)
    marginal(linear, nuisance, variance)

The nuisance is the logarithm of every contrast, in standard deviations from what is expected, then level and
tilt of the texture, where the class has any (:mod:`invkit_gaussian.texture`); all colour axes share one. Of
axes, the measurement itself says what contrast to expect: blur by one kernel for all channels keeps an
image's colours on the same line, so the colour axes are those of the measurement, and its standard deviations
along them, which blur has made smaller, times e^¼, are the centres of the contrasts.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit_gaussian import dense
from invkit_gaussian.fourier import Block, Scale
from invkit_gaussian.moments import Moments
from invkit_gaussian.posterior import Posterior, dense_posterior
from invkit_gaussian.texture import regressors, texture_power

__all__ = ["GaussianMarginal", "colour_axes"]

#: how much larger the logarithm of a contrast is expected to be than that of the blurred image
_LOST = 0.25
#: the least contrast; 8 bits cannot show less
_LEAST = 1e-3


class GaussianMarginal(Marginal):
    """A class's moments and measurements.

    Args:
        moments: in the measurements' dtype and on their device.
        block: its components and spectrum.
        y: one measurement a row.
    """

    def __init__(self, moments: Moments, block: Block, y: Float[Tensor, "n *y"]) -> None:
        self.moments, self.block, self.y = moments, block, y
        self._contrasts = len(moments.contrasts)
        self.nuisances = self._contrasts + max(moments.texture.shape[1] - 1, 0)
        self._regressors = regressors(block.size, y)
        self.rotation, self._centre = _expected(moments, y)
        mean = moments.mean.expand(len(self.rotation), *moments.mean.shape)
        self._mean = block.spectra(_rotated(self.rotation, mean))
        alike = y.shape[1:] == moments.mean.shape
        self._observed = block.spectra(_rotated(self.rotation, y)) if alike else None

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        transfer = self._transfer(linear)
        if transfer is None:
            a, sigma = self._matrices(linear, nuisance)
            return dense.evidence(self._unexplained(linear, self.y), a, sigma, variance)
        d = self._departure(transfer)
        if self.moments.colour == "joint":
            return self.block.evidence(d, transfer, self._scale(nuisance), variance)
        each = self.block.evidence(*self._by_axis(d, transfer, nuisance, variance))
        return each.unflatten(0, (-1, d.shape[1])).sum(1)

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n *x"]:
        transfer = self._transfer(linear)
        if transfer is None:
            a, sigma = self._matrices(linear, nuisance)
            found = dense.gain(self._unexplained(linear, self.y), a, sigma, variance)
            return self.moments.mean + found.reshape(-1, *self.moments.mean.shape)
        found = self._gain(self._departure(transfer), transfer, nuisance, variance)
        return self.moments.mean + _rotated_back(self.rotation, self.block.signals(found))

    def posterior(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Posterior:
        """Evidence, mean and uncertainty together, for little more than one of them."""
        transfer = self._transfer(linear)
        if transfer is None:
            a, sigma = self._matrices(linear, nuisance)
            return dense_posterior(self._unexplained(linear, self.y), self.moments.mean, a, sigma, variance)
        d = self._departure(transfer)
        joint = self.moments.colour == "joint"
        inputs = (d, transfer, self._scale(nuisance), variance)
        evidence, found, spread = self.block.posterior(
            *(inputs if joint else self._by_axis(d, transfer, nuisance, variance))
        )

        def uncertainty(v: Tensor) -> Tensor:
            spectra = self.block.spectra(_rotated(self.rotation, v))
            parts = spread(spectra if joint else spectra.flatten(0, 1)[:, None])
            return parts.unflatten(0, (len(v), -1)).sum(1)

        mean = self.moments.mean + _rotated_back(self.rotation, self.block.signals(found.reshape(d.shape)))
        return Posterior(evidence.unflatten(0, (len(d), -1)).sum(1), mean, uncertainty)

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """Draw an image and a measurement of it, and correct the image by what the two measurements differ
        in.

        With (x₀, y₀) drawn from prior and noise, x₀ + E[x | y] − E[x | y₀] is a draw from the posterior
        (Papandreou and Yuille, 2010).
        """
        drawn = self._prior_draw(nuisance, rng)
        x = self.moments.mean + _rotated_back(self.rotation, drawn)
        white = torch.randn(self.y.shape, generator=rng, dtype=self.y.dtype).to(self.y.device)
        noise = white * variance.sqrt().reshape(-1, *[1] * (self.y.ndim - 1))
        difference: Tensor = self.y - linear(x) - noise
        transfer = self._transfer(linear)
        if transfer is None:
            a, sigma = self._matrices(linear, nuisance)
            return x + dense.gain(difference.flatten(1), a, sigma, variance).reshape(x.shape)
        found = self._gain(
            self.block.spectra(_rotated(self.rotation, difference)), transfer, nuisance, variance
        )
        return x + _rotated_back(self.rotation, self.block.signals(found))

    def select(self, index: Tensor) -> GaussianMarginal:
        chosen = copy.copy(self)
        chosen.y = self.y[index]
        chosen._observed = None if self._observed is None else self._observed[index]
        if self.moments.colour == "axes" and len(self.rotation) == len(self.y):
            chosen.rotation, chosen._centre = self.rotation[index], self._centre[index]
            chosen._mean = self._mean[index]
        return chosen

    def contrast(self, nuisance: Float[Tensor, "n k"]) -> Float[Tensor, "n axes"]:
        """Every axis's contrast; of joint colour one, for all."""
        if not self._contrasts:
            return torch.ones(len(nuisance), 1, dtype=nuisance.dtype, device=nuisance.device)
        return (self._centre + self.moments.spread * nuisance[:, : self._contrasts]).exp()

    def texture(self, nuisance: Float[Tensor, "n k"]) -> Float[Tensor, "n f"] | None:
        """T, what the class's spectrum is multiplied by; none where it is the same for every image."""
        own = nuisance[:, self._contrasts :]
        return texture_power(self.moments.texture, own, self._regressors) if own.shape[1] else None

    def _scale(self, nuisance: Tensor) -> Scale:
        """Of every candidate; of axes, of every axis of every candidate."""
        contrast, texture = self.contrast(nuisance), self.texture(nuisance)
        if texture is not None:
            texture = texture.repeat_interleave(contrast.shape[1], 0)
        return Scale(contrast.flatten(), texture)

    def _transfer(self, linear: LinearOperator) -> Tensor | None:
        """K, where all is diagonal: one kernel for all channels, or but one channel."""
        spectrum = linear.spectrum() if self._observed is not None else None
        if spectrum is None or spectrum.shape[1] != 1 or spectrum.ndim != 4:
            return None
        return spectrum.flatten(2)

    def _departure(self, transfer: Tensor) -> Tensor:
        """What of the measurement's spectra the mean does not explain."""
        assert self._observed is not None
        return self._observed - transfer * self._mean

    def _by_axis(
        self, d: Tensor, transfer: Tensor, nuisance: Tensor, variance: Tensor
    ) -> tuple[Tensor, Tensor, Scale, Tensor]:
        """Every axis of every candidate as a candidate of its own."""
        axes = d.shape[1]
        return (
            d.flatten(0, 1)[:, None],
            transfer.expand(len(d), *transfer.shape[1:]).repeat_interleave(axes, 0),
            self._scale(nuisance),
            variance.repeat_interleave(axes),
        )

    def _gain(self, d: Tensor, transfer: Tensor, nuisance: Tensor, variance: Tensor) -> Tensor:
        if self.moments.colour == "joint":
            return self.block.gain(d, transfer, self._scale(nuisance), variance)
        found = self.block.gain(*self._by_axis(d, transfer, nuisance, variance))
        return found.reshape(d.shape)

    def _prior_draw(self, nuisance: Tensor, rng: torch.Generator) -> Tensor:
        """Images drawn from the prior in colour coordinates, beside the mean."""
        drawn = self.block.signals(self.block.draw(self._scale(nuisance), rng))
        return drawn.reshape(len(nuisance), -1, *drawn.shape[-2:])

    def _unexplained(self, linear: LinearOperator, y: Tensor) -> Tensor:
        explained: Tensor = linear(self.moments.mean.expand(len(y), *self.moments.mean.shape))
        return (y - explained).flatten(1)

    def _matrices(self, linear: LinearOperator, nuisance: Tensor) -> tuple[Tensor, Tensor]:
        """The operator's matrix and the covariance of x, of every candidate."""
        moments = self.moments
        channels, pixels = len(moments.mean), moments.mean[0].numel()
        dense.check(channels * pixels)
        contrast, texture = self.contrast(nuisance), self.texture(nuisance)
        n, free = len(contrast), moments.level**2
        spectrum = moments.spectrum.expand(n, *moments.spectrum.shape)
        if texture is not None:
            spectrum = spectrum * texture.reshape(n, 1, *spectrum.shape[2:])
        own = dense.covariance(moments.basis, spectrum)
        if moments.colour == "joint":
            sigma = contrast[:, :1, None].square() * own
            blocks = sigma.reshape(n, channels, pixels, channels, pixels).clone()
            for axis in range(channels):
                blocks[:, axis, :, axis] += free
        else:
            blocks = own.new_zeros(n, channels, pixels, channels, pixels)
            for axis in range(channels):
                blocks[:, axis, :, axis] = contrast[:, axis, None, None].square() * own + free
        q = self.rotation.expand(n, channels, channels)
        turned = torch.einsum("nia,njb,napbq->nipjq", q, q, blocks)
        return linear.matrix(n, self.y), turned.reshape(n, channels * pixels, channels * pixels)


def colour_axes(x: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c c"], Float[Tensor, "n c"]]:
    """The principal colour axes of every image, as columns, and its standard deviations along them.

    The largest comes first.
    """
    centred = (x - x.mean((2, 3), keepdim=True)).flatten(2)
    covariance = centred @ centred.mT / centred.shape[-1]
    # What is not finite has no axes; it stays alone in that.
    sound = torch.isfinite(covariance).all(-1).all(-1)[:, None, None]
    variances, axes = torch.linalg.eigh(torch.where(sound, covariance, torch.zeros_like(covariance)))
    return axes.flip(-1), variances.flip(-1).clamp(min=0).sqrt()


def _expected(moments: Moments, y: Tensor) -> tuple[Tensor, Tensor]:
    """Q and the centres of the contrasts' logarithms; for every measurement, or once for all."""
    channels = len(moments.mean)
    if moments.colour == "joint" or y.ndim != 4 or y.shape[1] != channels:
        return moments.rotation[None], moments.contrasts[None]
    axes, deviations = colour_axes(y)
    return axes, deviations.clamp(min=_LEAST).log() + _LOST


def _rotated(rotation: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("nca,nchw->nahw", rotation.expand(len(x), -1, -1), x)


def _rotated_back(rotation: Tensor, g: Tensor) -> Tensor:
    return torch.einsum("nca,nahw->nchw", rotation.expand(len(g), -1, -1), g)
