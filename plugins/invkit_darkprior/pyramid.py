"""Coarse to fine: blind kernel estimation over an image pyramid.

    for state in coarse_to_fine(grey, (27, 27), Weights()):
        state.kernel, state.latent                 # after each round, at that round's scale

At 1/√2 of the size a blur is 1/√2 as long. The pyramid goes down until the kernel is about 5 pixels wide,
where two neighbouring pixels of ½ are start enough; each scale hands its kernel to the next, magnified.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log, sqrt
from typing import Literal

import attrs
import numpy as np
from scipy import ndimage

from invkit_darkprior._fourier import Real, Size
from invkit_darkprior.boundary import extend, fast_size
from invkit_darkprior.kernel_step import (
    enlarged,
    estimate_kernel,
    gradient_threshold,
    gradients,
    pruned,
    recentred,
    strong_gradients,
)
from invkit_darkprior.latent_step import latent_step

RATIO = sqrt(0.5)
SMALLEST_KERNEL = 5
SMALLEST_WEIGHT = 1e-4


@attrs.frozen
class Settings:
    """The constants of the method, by default the paper's.

    - dark, gradient: λ and μ of the image step (:mod:`.latent_step`).
    - kernel: γ of the kernel step (:mod:`.kernel_step`).
    - rounds: image and kernel steps at each scale; after each, λ and μ fall by a factor 1.1, to 1e-4 at
    least.
    - patch: of the dark channel, at every scale.
    """

    dark: float = 4e-3
    gradient: float = 4e-3
    kernel: float = 2.0
    rounds: int = 5
    patch: int = 35


@attrs.frozen(eq=False)
class State:
    """Where the estimation stands: kernel (odd, odd) and sharp image (H, W) of a scale."""

    kernel: Real
    latent: Real
    scale: float


def supports(kernel: Size, image: Size) -> list[Size]:
    """The kernel's support at every scale, finest first: odd sides, shorter than the image's."""
    scales = max(int(log(SMALLEST_KERNEL / min(kernel)) / log(RATIO)), 0) + 1
    return [
        (_support(kernel[0], image[0], RATIO**number), _support(kernel[1], image[1], RATIO**number))
        for number in range(scales)
    ]


def coarse_to_fine(grey: Real, kernel_size: Size, settings: Settings, *, wrap: bool) -> Iterator[State]:
    """The state after each round, coarsest scale first; the last is the result.

    Args:
        grey: (H, W) in [0, 1].
        kernel_size: odd sides.
        settings: the constants.
        wrap: whether the image wraps around. One that does not is continued smoothly (:mod:`.boundary`).
    """
    dark, gradient = settings.dark, settings.gradient
    kernel: Real = np.zeros((1, 1))
    threshold = 0.0
    levels = list(enumerate(supports(kernel_size, grey.shape)))
    for number, support in reversed(levels):
        scale = RATIO**number
        small = reduced(grey, scale, wrap=wrap)
        periodic = small if wrap else extend(small, fast_size(small.shape, support))
        edges = gradients(small, wrap=wrap)
        if number == len(levels) - 1:
            kernel = first_kernel(support).astype(grey.dtype)
            threshold = gradient_threshold(edges, max(support))
        else:
            kernel = enlarged(kernel, support, 1 / RATIO)
        for turn in range(settings.rounds):
            latent = latent_step(periodic, kernel, dark=dark, gradient=gradient, patch=settings.patch)
            latent = latent[: small.shape[0], : small.shape[1]]
            strong, threshold = strong_gradients(gradients(latent, wrap=wrap), threshold)
            kernel = pruned(estimate_kernel(edges, strong, support, settings.kernel))
            dark = max(dark / 1.1, SMALLEST_WEIGHT) if dark else 0.0
            gradient = max(gradient / 1.1, SMALLEST_WEIGHT)
            if turn == settings.rounds - 1:
                kernel = recentred(kernel)
            yield State(kernel, latent, scale)


def first_kernel(support: Size) -> Real:
    """Two neighbouring pixels of ½, the middle one and that to its left."""
    kernel = np.zeros(support)
    kernel[support[0] // 2, support[1] // 2 - 1 : support[1] // 2 + 1] = 0.5
    return kernel


def reduced(image: Real, scale: float, *, wrap: bool) -> Real:
    """The image at ``scale`` ≤ 1: smoothed by a Gaussian of 1/(2·scale) pixels, then sampled linearly.

    Its size is rounded; pixel centres keep their relative places.
    """
    if scale == 1:
        return image
    mode: Literal["grid-wrap", "nearest"] = "grid-wrap" if wrap else "nearest"
    smooth = ndimage.gaussian_filter(image, 0.5 / scale, mode="wrap" if wrap else "nearest")
    places = [
        (np.arange(new) + 0.5) * old / new - 0.5
        for old in image.shape
        for new in (max(round(old * scale), 2),)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(smooth, grid, order=1, mode=mode)).astype(image.dtype)


def _support(kernel: int, image: int, scale: float) -> int:
    """The kernel's length at a scale, rounded up to an odd number that leaves a gradient on the image."""
    wanted, most = ceil(kernel * scale), max(round(image * scale), 2) - 1
    return min(wanted + 1 - wanted % 2, most - 1 + most % 2)
