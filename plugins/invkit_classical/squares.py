"""Non-negative signals as squares: ``x = m²``, for counts, densities, and objects that are mostly dark.

    volume = invkit.prior("squares")                    # its shape follows from the measurement

The penalty ``‖m‖²`` is ``Σ x``, the ℓ1 norm of a non-negative signal. So a ridge on the latents makes signals
sparse, and every solver that takes smooth objectives keeps the signal non-negative. Even without a penalty a
descent from small latents favours sparse signals: the smaller an entry, the slower it grows.

Source: P. Hoff, "Lasso, fractional norm and structured sparse estimation using a Hadamard product
parametrization", Computational Statistics & Data Analysis 115, 2017.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from invkit.errors import ShapeError
from invkit_classical.identity import AnyShape

__all__ = ["Squares"]

#: the least entry of an encoded signal beside its largest: a latent of 0 would have no gradient
_LEAST = 1e-6


class Squares(AnyShape):
    """``C(m) = m²``, with the penalty ``Σ x``.

    Args:
        shape: ``(channels, *dims)`` of the signal; None lets it follow from the operator and the measurement.

    Raises:
        ShapeError: a shape without dimensions, or with sizes below 1.
    """

    bounds = (0.0, math.inf)
    affine = False

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(shape)
        if shape is not None and (len(shape) < 2 or min(shape) < 1):
            raise ShapeError(f"shape={shape} is not (channels, *dims)", hint="write e.g. shape=1x28x28")

    def forward(self, latent: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        return latent.square()

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """``√x``, with entries raised to at least 10⁻⁶ of the signal's largest."""
        largest = signal.flatten(1).amax(1).clamp_min(0).reshape(-1, *[1] * (signal.ndim - 1))
        return signal.maximum(_LEAST * largest).sqrt()

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        return Squares(shape)
