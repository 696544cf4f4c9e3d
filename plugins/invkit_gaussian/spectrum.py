"""``spectrum`` — images of which only the spectrum is known: a power law, any size.

    prior = invkit.prior("spectrum")                           # its shape follows from the measurement
    prior = invkit.prior("spectrum?exponent=2.2,shape=3x64x64")

The Gaussian of no components: pixels are stationary, of power ∝ |f|^−exponent over spatial frequencies f,
which is how natural images are on average, with exponent 2 (Field 1987) to 2.4. Every colour axis has a
contrast of its own and a free level. With a known kernel the posterior mean is the Wiener filter of that
spectrum.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import InputError, ShapeError
from invkit.solving import half_weights
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.marginal import GaussianMarginal
from invkit_gaussian.moments import Moments

__all__ = ["Spectrum"]

_SPREAD, _LEVEL, _FLOOR = 0.5, 0.5, 1e-6


class Spectrum(IntegrableGenerator):
    """Stationary images of a power law.

    Args:
        exponent: of the power law, 0 (white) or more.
        contrast: the typical standard deviation of an image along its first colour axis, in (0, 1]; along the
            others a quarter of it.
        shape: (channels, height, width); None lets it follow from the operator and the measurement.

    Raises:
        InputError: an exponent or contrast out of range.
        ShapeError: a shape that is no image's.
    """

    role = "image"
    can_encode = True

    def __init__(
        self, exponent: float = 2.2, contrast: float = 0.2, shape: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        if not exponent >= 0:
            raise InputError(f"exponent={exponent}", hint="give 0 or more; natural images have about 2")
        if not 0 < contrast <= 1:
            raise InputError(f"contrast={contrast}", hint="give a standard deviation in (0, 1], e.g. 0.2")
        self.exponent, self.contrast = float(exponent), float(contrast)
        self.signal_shape = self.latent_shape = None
        self.gaussian: Gaussian | None = None
        if shape is not None:
            if len(shape) != 3 or min(shape) < 1:
                raise ShapeError(
                    f"shape={shape} is not (channels, height, width)", hint="write shape=3x64x64"
                )
            self.gaussian = Gaussian(power_law(tuple(shape), self.exponent, self.contrast))
            self.signal_shape, self.latent_shape = self.gaussian.signal_shape, self.gaussian.latent_shape

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The image of every latent; not clipped."""
        made: Tensor = self._shaped()(latent)
        return made

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The latent that makes each image."""
        return self._shaped().encode(signal)

    def marginal(self, y: Float[Tensor, "n *y"], *, rank: int | None = None) -> GaussianMarginal:
        """The evidence of measurements; ``rank`` makes no difference."""
        return self._shaped().marginal(y)

    def shaped(self, signal_shape: Shape) -> Generator:
        if self.signal_shape is None:
            return Spectrum(self.exponent, self.contrast, tuple(signal_shape))
        return super().shaped(signal_shape)

    def _shaped(self) -> Gaussian:
        if self.gaussian is None:
            raise ShapeError(
                "this prior has no shape yet", hint="add ?shape=3x64x64, or call prior.shaped(…)"
            )
        return self.gaussian


def power_law(shape: tuple[int, ...], exponent: float, contrast: float) -> Moments:
    """The moments of a power law of unit variance about a free level."""
    channels, height, width = shape
    rows = torch.fft.fftfreq(height, dtype=torch.float32, device="cpu") * max(height, width)
    columns = torch.fft.rfftfreq(width, dtype=torch.float32, device="cpu") * max(height, width)
    power = (rows[:, None].square() + columns.square() + 0.25) ** (-exponent / 2)
    weights = half_weights((height, width), power)
    power[0, 0] = 0
    total = (power * weights).sum() / (height * width)
    power = power / total if total > 0 else torch.ones_like(power)
    power = power.clamp(min=float(power.max()) * _FLOOR)
    typical = power.new_full((channels,), contrast / 4)
    typical[0] = contrast
    return Moments(
        colour="axes",
        mean=power.new_full((channels, height, width), 0.5),
        basis=power.new_zeros(0, 1, height, width),
        spectrum=power[None],
        rotation=torch.diag(power.new_ones(channels)),
        level=_LEVEL,
        contrasts=typical.log(),
        spread=_SPREAD,
    )
