"""The image step: the sharp image for a given kernel, under sparse gradients and a sparse dark channel.

    x = latent_step(blurred, kernel, dark=4e-3, gradient=4e-3, patch=35)

With ``*`` circular, it lowers by half-quadratic splitting

    ‖x * k − y‖² + μ ‖∇x‖₀ + λ ‖D(x)‖₀      through      min over x, u, g of
    ‖x * k − y‖² + β_d ‖x − u‖² + β ‖∇x − g‖² + λ ‖D(u)‖₀ + μ ‖g‖₀,

β_d doubling in an outer loop from λ over Otsu's threshold of the squared image up to 8, β in an inner one
from 2μ up to 10⁵. In turn, each in closed form:

    u = x, with the dark pixels zeroed where x² < λ/β_d                (:func:`.dark_channel.without_dark`)
    g = ∇x where |∇x|² ≥ μ/β, else 0
    x = F⁻¹[ (K̄ Y + β (D̄ₓ G₁ + D̄_y G₂) + β_d U) / (|K|² + β (|Dₓ|² + |D_y|²) + β_d) ]

Source: Pan, Sun, Pfister, Yang, CVPR 2016, Section 4; with ``dark=0`` the L0-only step
of Pan, Hu, Su, Yang, "Deblurring text images via L0-regularized intensity and gradient prior", CVPR 2014,
without its intensity term (one inner loop), which is also :func:`sparse_gradients`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from invkit_photographs._fourier import (
    Complex,
    Real,
    Size,
    differences,
    differences_adjoint,
    forward,
    inverse,
    laplacian_spectrum,
    transfer_function,
)
from invkit_photographs.dark_channel import otsu, without_dark

LARGEST_BETA = 1e5
LARGEST_BETA_DARK = 8.0


def latent_step(
    blurred: Real,
    kernel: Real,
    *,
    dark: float,
    gradient: float,
    patch: int,
    rim: int = 0,
    largest: float = LARGEST_BETA,
) -> Real:
    """The sharp image; see the module.

    Args:
        blurred: (H, W) in [0, 1], wrapping around.
        kernel: (odd, odd), centred.
        dark: λ; 0 leaves the dark channel out.
        gradient: μ > 0.
        patch: the side of the dark channel's patch.
        rim: pixels nearer than this to the image's border keep their values in u: where the image does not
            wrap around, patches there would join what has nothing to do with each other.
        largest: where β ends.
    """
    if dark == 0:
        return sparse_gradients(blurred, kernel, gradient, largest)
    splitting = _Splitting(blurred, kernel)
    x = blurred
    level = otsu(blurred * blurred)
    for beta_dark in _doubling(dark / level if level > 0 else LARGEST_BETA_DARK, LARGEST_BETA_DARK):
        u = inside(without_dark(x, patch, dark / beta_dark), x, rim)
        x = splitting.descend(x, gradient, largest, beta_dark * forward(u), beta_dark)
    return x


def inside(image: Real, border: Real, rim: int) -> Real:
    """The image, but ``border`` where it is nearer than ``rim`` pixels to its border."""
    result = border.copy()
    place = tuple(slice(rim, max(length - rim, rim)) for length in image.shape)
    result[place] = image[place]
    return result


def sparse_gradients(
    blurred: Real, kernel: Real, gradient: float, largest: float = LARGEST_BETA
) -> Real:
    """The image that lowers ``‖x * k − y‖² + μ ‖∇x‖₀`` alone: deconvolution into flat regions."""
    return _Splitting(blurred, kernel).descend(blurred, gradient, largest, 0.0, 0.0)


class _Splitting:
    """What the image steps have in common: ``K̄ Y``, ``|K|²`` and ``|Dₓ|² + |D_y|²``, computed once."""

    def __init__(self, blurred: Real, kernel: Real) -> None:
        self.size: Size = blurred.shape
        transfer = transfer_function(kernel, self.size)
        self.data = transfer.conj() * forward(blurred)
        self.energy = transfer.real**2 + transfer.imag**2
        self.laplacian = laplacian_spectrum(self.size, blurred.dtype)

    def descend(
        self, x: Real, gradient: float, largest: float, pulled: Complex | float, pull: float
    ) -> Real:
        """The inner loop over β up to ``largest``; ``pulled`` is ``β_d U`` and ``pull`` is β_d."""
        data, energy = self.data + pulled, self.energy + x.dtype.type(pull)
        for beta in _doubling(2 * gradient, largest):
            weight = x.dtype.type(beta)
            h, v = differences(x)
            large = (h * h + v * v >= gradient / beta).astype(x.dtype)
            h *= large
            v *= large
            numerator = forward(differences_adjoint(h, v))
            numerator *= weight
            numerator += data
            numerator *= np.reciprocal(energy + weight * self.laplacian)  # dividing takes three times as long
            x = inverse(numerator, self.size)
        return x


def _doubling(first: float, last: float) -> Iterator[float]:
    """``first``, ``2·first``, … below ``last``."""
    value = first
    while value < last:
        yield value
        value *= 2
