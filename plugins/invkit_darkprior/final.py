"""The final deconvolution, the kernel known: total variation, minus the ringing that it shows.

    x = deconvolve(y, kernel, tv=1e-3, sparse=5e-4, ringing=1.0)

Two deconvolutions of one image: one with a total-variation penalty, which keeps detail and rings a little at
strong edges, and one with few non-zero gradients, which has neither detail nor ringing. Their difference is
detail and ringing together. A bilateral filter keeps of it what is smooth, that is the ringing, and that is
subtracted:

    x = x_tv − weight · bilateral(x_tv − x_l0)

Source: Pan, Hu, Su, Yang, CVPR 2014, Section 4.3 (there a Laplacian prior), as used by Pan et al. 2016.
"""

from __future__ import annotations

import numpy as np

from invkit_darkprior._fourier import (
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
from invkit_darkprior.latent_step import sparse_gradients

ITERATIONS = 60
BILATERAL_WIDTH, BILATERAL_RANGE = 3.0, 0.1


def deconvolve(y: Real, kernel: Real, *, tv: float, sparse: float, ringing: float) -> Real:
    """The sharp image; see the module.

    Args:
        y: (H, W) in [0, 1], wrapping around.
        kernel: (odd, odd), centred.
        tv: weight λ of the total variation.
        sparse: weight μ of the number of non-zero gradients.
        ringing: weight of what is subtracted, 0 to 1; 0 leaves it out.
    """
    smooth = total_variation(y, kernel, tv)
    if ringing == 0:
        return smooth
    difference = smooth - sparse_gradients(y, kernel, sparse)
    return smooth - y.dtype.type(ringing) * bilateral(difference, BILATERAL_WIDTH, BILATERAL_RANGE)


def total_variation(y: Real, kernel: Real, weight: float, iterations: int = ITERATIONS) -> Real:
    """``argmin ½ ‖x * k − y‖² + λ Σ (|∂ₓx| + |∂_y x|)``, by the alternating direction method of multipliers.

    With ``g = ∇x`` split off, penalty ρ and scaled multiplier m: x is a division in the DFT domain, g the
    soft threshold of ``∇x + m`` at λ/ρ.
    """
    size: Size = (y.shape[0], y.shape[1])
    transfer = transfer_function(kernel, size)
    rho = y.dtype.type(20 * weight)
    data = transfer.conj() * forward(y)
    energy = transfer.real**2 + transfer.imag**2 + rho * laplacian_spectrum(size, y.dtype)
    energy = np.maximum(energy, np.finfo(y.dtype).tiny)
    x: Real = y
    multiplier = np.zeros((2, *size), y.dtype)
    for _ in range(iterations):
        moved = np.stack(differences(x)) + multiplier
        split = np.sign(moved) * np.maximum(abs(moved) - weight / rho, 0)
        multiplier = moved - split
        target = split - multiplier
        numerator: Complex = data + rho * forward(differences_adjoint(target[0], target[1]))
        numerator /= energy
        x = inverse(numerator, size)
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
