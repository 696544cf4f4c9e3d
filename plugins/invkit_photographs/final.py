"""The final deconvolution, the kernel known: total variation, minus the ringing that it shows.

    x = Last(tv=1e-3, sparse=5e-4).deconvolve(y, (288, 288), kernel, grey)

What lies beyond a picture's border is not measured, and yet was blurred into it. So x is larger than y, and
only the pixels measured, the mask M, are compared:

    x_tv = argmin ½ ‖M (x * k − y)‖² + λ ‖∇x‖₁

A second deconvolution with few non-zero gradients, of y continued by ``x_tv * k``, has neither detail nor
ringing. The difference of the two is detail and ringing together. A bilateral filter keeps of it what is
smooth, the ringing, and that is subtracted:

    x = x_tv − weight · bilateral(x_tv − x_l0)

Source: Pan, Hu, Su, Yang, CVPR 2014, as used by Pan et al. 2016. Deviation: there, y is
continued smoothly (:mod:`.boundary`), and that is taken for measured; with large kernels, what comes of it is
felt far inside. The mask is from Almeida and Figueiredo, "Deconvolving images with unknown boundaries using
the alternating direction method of multipliers", 2013.
"""

from __future__ import annotations

import attrs
import numpy as np
import torch
from attrs.validators import ge, gt, optional

from invkit.solving import noise_level
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
from invkit_photographs.boundary import extend
from invkit_photographs.latent_step import sparse_gradients

ITERATIONS = 120
TV_PER_NOISE, SMALLEST_TV, SPARSE_PER_TV = 0.25, 1e-4, 0.4
BILATERAL_WIDTH, BILATERAL_RANGE = 3.0, 0.1
JUMP = 0.05
"""The jump that the first splitting lets pass in one iteration, λ/ρ; it changes the path, not the end."""
DATA_PENALTY = 0.1
"""The penalty σ of the other splitting; likewise."""


@attrs.frozen
class Last:
    """The last step: deconvolution with the kernel found.

    Args:
        tv: weight λ of the total variation, above 0; None: a quarter of the noise's standard deviation, which
            is estimated (:mod:`invkit.solving.noise`), at least 1e-4.
        sparse: weight μ of the number of non-zero gradients, above 0; None: 0.4·λ.
        ringing: weight of what is subtracted, 0 or more.

    A quarter and 0.4 were chosen on known kernels of Levin et al., where the noise is 0.001; at a noise of
    0.01 they give what the authors of the method recommend, 0.001 to 0.01 and 1e-4 to 2e-3.
    """

    tv: float | None = attrs.field(default=None, validator=optional(gt(0)))
    sparse: float | None = attrs.field(default=None, validator=optional(gt(0)))
    ringing: float = attrs.field(default=1.0, validator=ge(0))

    def deconvolve(self, y: Real, size: Size, kernel: Real, grey: Real) -> Real:
        """The sharp image, of ``size``: the measured part first, then what lies beyond it, wrapping around.

        Args:
            y: (H, W) in [0, 1].
            size: (H, W) where the image wraps around, larger by the kernel at least where it does not.
            kernel: (odd, odd), centred.
            grey: the image that the noise is measured on.
        """
        noise = float(noise_level(torch.from_numpy(grey)[None, None]))
        tv = self.tv or max(TV_PER_NOISE * noise, SMALLEST_TV)
        smooth = total_variation(y, size, kernel, tv)
        if self.ringing == 0:
            return smooth
        continued = inverse(transfer_function(kernel, size) * forward(smooth), size)
        continued[: y.shape[0], : y.shape[1]] = y
        difference = smooth - sparse_gradients(continued, kernel, self.sparse or SPARSE_PER_TV * tv)
        return smooth - y.dtype.type(self.ringing) * bilateral(difference, BILATERAL_WIDTH, BILATERAL_RANGE)


def total_variation(y: Real, size: Size, kernel: Real, weight: float, iterations: int = ITERATIONS) -> Real:
    """``argmin ½ ‖M (x * k − y)‖² + λ Σ (|∂ₓx| + |∂_y x|)``, by alternating directions (ADMM).

    With ``g = ∇x`` and ``v = x * k`` split off, penalties ρ and σ and scaled multipliers m and n: x is a
    division in the DFT domain, g the soft threshold of ``∇x + m`` at λ/ρ, and v = (y + σ(x * k + n))/(1 + σ)
    where measured, ``x * k + n`` elsewhere.
    """
    transfer = transfer_function(kernel, size)
    rho, sigma = y.dtype.type(weight / JUMP), y.dtype.type(DATA_PENALTY)
    energy = rho * laplacian_spectrum(size, y.dtype) + sigma * (transfer.real**2 + transfer.imag**2)
    energy = np.maximum(energy, np.finfo(y.dtype).tiny)
    measured = tuple(slice(length) for length in y.shape)
    x: Real = extend(y, size)
    split_data, data_multiplier = x.copy(), np.zeros_like(x)
    split, multiplier = np.stack(differences(x)), np.zeros((2, *size), y.dtype)
    for _ in range(iterations):
        target = split - multiplier
        numerator: Complex = sigma * transfer.conj() * forward(split_data - data_multiplier)
        numerator += rho * forward(differences_adjoint(target[0], target[1]))
        numerator /= energy
        blurred = inverse(transfer * numerator, size)
        x = inverse(numerator, size)
        moved = np.stack(differences(x)) + multiplier
        split = np.sign(moved) * np.maximum(abs(moved) - y.dtype.type(weight) / rho, 0)
        multiplier = moved - split
        moved_data = blurred + data_multiplier
        split_data = moved_data.copy()
        split_data[measured] = (y + sigma * moved_data[measured]) / (1 + sigma)
        data_multiplier = moved_data - split_data
    return x


def bilateral(image: Real, width: float, spread: float) -> Real:
    """The bilateral filter: a mean of neighbours, weighted by nearness in place (σ = ``width`` pixels, cut
    off at 2σ) and in value (σ = ``spread``); the image wraps around.
    """
    reach = int(2 * width)
    total, weights = np.zeros_like(image), np.zeros_like(image)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            other = np.roll(image, (dy, dx), (0, 1))
            weight = np.exp(-((other - image) ** 2) / (2 * spread**2))
            weight *= image.dtype.type(np.exp(-(dy * dy + dx * dx) / (2 * width**2)))
            total += weight * other
            weights += weight
    return total / weights
