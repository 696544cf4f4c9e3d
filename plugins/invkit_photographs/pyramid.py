"""Coarse to fine: blind kernel estimation over an image pyramid.

    for state in coarse_to_fine(grey, (27, 27), Settings(), wrap=False):
        state.kernel, state.latent                 # after each round, at that round's scale

At 1/√2 of the size a blur is 1/√2 as long. The pyramid goes down until the kernel is about 5 pixels wide,
where two neighbouring pixels of ½ are start enough; each scale hands its kernel to the next, magnified. At
each, the threshold of the gradients begins anew from the coarsest scale's; λ and μ go on falling.

Source: Pan et al. 2016. Ours are the last rounds at full size without the dark channel (``last_rounds``):
that channel makes the estimation robust and leaves kernels thick; once a kernel is about right, sparse
gradients alone make it thin.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log, sqrt

import attrs
import numpy as np
from attrs.validators import ge, gt
from numpy.typing import NDArray
from scipy import ndimage

from invkit_photographs._fourier import Real, Size, forward
from invkit_photographs.boundary import extend, fast_size
from invkit_photographs.dark_channel import patch_for
from invkit_photographs.kernel_step import (
    enlarged,
    estimate_kernel,
    gradient_threshold,
    gradients,
    pruned,
    recentred,
    strong_gradients,
)
from invkit_photographs.latent_step import LARGEST_BETA, latent_step
from invkit_photographs.picture import resampled

Flags = NDArray[np.bool_]

RATIO = sqrt(0.5)
SMALLEST_KERNEL = 5
SMALLEST_WEIGHT = 1e-4
DECAY, LAST_DECAY = 1.1, 1.2


def odd_or_none(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    """A validator: an odd number above 0, or None."""
    if value is not None and (value < 1 or value % 2 == 0):
        raise ValueError(f"{attribute.name}={value} is no odd number")


@attrs.frozen
class Settings:
    """How the kernel is searched for; by default with the paper's constants.

    Args:
        dark: whether the dark channel takes part; false leaves the gradients alone (L0 only).
        patch: side of the dark channel's patch at every scale, odd; None: a seventh of the image's shorter
            side, at most 35.
        weight_x: λ, the weight of the dark channel in the image step (:mod:`.latent_step`).
        weight_gradients: μ, the weight of the gradients in the image step.
        weight_w: γ, the weight of ‖k‖² in the kernel step (:mod:`.kernel_step`).
        rounds: image and kernel steps at each scale; after each, λ and μ fall by a factor 1.1, to 1e-4.
        last_rounds: rounds that follow at full size without the dark channel; μ begins anew and falls by 1.2.
        largest: where β ends in the image step.
    """

    dark: bool = True
    patch: int | None = attrs.field(default=None, validator=odd_or_none)
    weight_x: float = attrs.field(default=4e-3, validator=gt(0))
    weight_gradients: float = attrs.field(default=4e-3, validator=gt(0))
    weight_w: float = attrs.field(default=2.0, validator=ge(0))
    rounds: int = attrs.field(default=5, validator=ge(1))
    last_rounds: int = attrs.field(default=10, validator=ge(0))
    largest: float = attrs.field(default=LARGEST_BETA, validator=gt(0))


@attrs.frozen(eq=False)
class State:
    """Where the estimation stands: the kernel (odd, odd) and the sharp image (H, W) of a scale."""

    kernel: Real
    #: the next round's, of the squared gradients (:func:`.kernel_step.strong_gradients`)
    threshold: float
    latent: Real = attrs.field(factory=lambda: np.zeros((0, 0)))
    scale: float = 1.0


def supports(kernel: Size, image: Size) -> list[Size]:
    """The kernel's support at every scale, finest first: odd sides, shorter than the image's."""
    scales = max(int(log(SMALLEST_KERNEL / min(kernel)) / log(RATIO)), 0) + 1
    sides = list(zip(kernel, image, strict=True))
    return [tuple(_support(*each, RATIO**number) for each in sides) for number in range(scales)]


def coarse_to_fine(
    grey: Real, kernel_size: Size, settings: Settings, *, wrap: bool, neighbour: Size = (0, -1)
) -> Iterator[State]:
    """The state after each round, coarsest scale first; the last is the result.

    Args:
        grey: (H, W) in [0, 1].
        kernel_size: odd sides.
        settings: the constants.
        wrap: whether the image wraps around. One that does not is continued smoothly (:mod:`.boundary`).
        neighbour: where the second of the two pixels is that the kernel is at first, from the middle one.
    """
    dark, gradient = settings.weight_x if settings.dark else 0.0, settings.weight_gradients
    patch = settings.patch or patch_for(grey.shape)
    sizes = enumerate(supports(kernel_size, grey.shape))
    levels = [_Level(grey, number, support, wrap, patch) for number, support in sizes]
    threshold = gradient_threshold(levels[-1].edges, max(levels[-1].support))
    kernel = first_kernel(levels[-1].support, neighbour).astype(grey.dtype)
    for level in reversed(levels):
        state = State(
            enlarged(kernel, level.support, 1 / RATIO) if level is not levels[-1] else kernel, threshold
        )
        for turn in range(settings.rounds):
            state = level.round(state, dark, gradient, settings)
            dark = max(dark / DECAY, SMALLEST_WEIGHT) if dark else 0.0
            gradient = max(gradient / DECAY, SMALLEST_WEIGHT)
            if turn == settings.rounds - 1:
                state = attrs.evolve(state, kernel=recentred(state.kernel))
            yield state
        kernel = state.kernel
    state, gradient = attrs.evolve(state, threshold=threshold), settings.weight_gradients
    for _ in range(settings.last_rounds):
        state = levels[0].round(state, 0.0, gradient, settings)
        gradient = max(gradient / LAST_DECAY, SMALLEST_WEIGHT)
        yield state


def refined_at(
    grey: Real, kernel: Real, rounds: int, settings: Settings, within: Flags | None = None
) -> State:
    """The state after some rounds at one scale, from a kernel; without dark channel, nothing wraps around.

    Args:
        grey: (H, W) in [0, 1].
        kernel: odd sides, unit sum.
        rounds: image and kernel steps; μ begins anew.
        settings: the constants.
        within: where the kernel may be other than zero, of its shape; None: everywhere.
    """
    level = _Level(grey, 0, kernel.shape, False, 1)
    state = State(kernel.astype(grey.dtype), gradient_threshold(level.edges, max(kernel.shape)))
    gradient = settings.weight_gradients
    for _ in range(rounds):
        state = level.round(state, 0.0, gradient, settings)
        if within is not None:
            state = attrs.evolve(state, kernel=pruned(np.where(within, state.kernel, 0)))
        gradient = max(gradient / DECAY, SMALLEST_WEIGHT)
    return attrs.evolve(state, kernel=recentred(state.kernel))


class _Level:
    """One scale: the blurry image there, continued, and its gradients."""

    def __init__(self, grey: Real, number: int, support: Size, wrap: bool, patch: int) -> None:
        self.support, self.wrap, self.patch, self.scale = support, wrap, patch, RATIO**number
        small = reduced(grey, self.scale, wrap=wrap)
        self.size: Size = small.shape
        self.periodic = small if wrap else extend(small, fast_size(small.shape, support))
        self.edges = gradients(small, wrap=wrap)
        self.spectra = forward(self.edges)

    def round(self, state: State, dark: float, gradient: float, settings: Settings) -> State:
        """An image step and a kernel step."""
        rim = 0 if self.wrap else self.patch // 2
        latent = latent_step(
            self.periodic,
            state.kernel,
            dark=dark,
            gradient=gradient,
            patch=self.patch,
            rim=rim,
            largest=settings.largest,
        )[: self.size[0], : self.size[1]]
        strong, threshold = strong_gradients(gradients(latent, wrap=self.wrap), state.threshold)
        kernel = pruned(estimate_kernel(self.spectra, strong, self.support, settings.weight_w))
        return State(kernel, threshold, latent, self.scale)


def first_kernel(support: Size, neighbour: Size = (0, -1)) -> Real:
    """Two neighbouring pixels of ½, the middle one and, where there is one, that to its left, or another."""
    kernel = np.zeros(support)
    middle = tuple(side // 2 for side in support)
    kernel[middle] = 1
    beside = tuple(place + step for place, step in zip(middle, neighbour, strict=True))
    if all(0 <= place < side for place, side in zip(beside, support, strict=True)):
        kernel[beside] = 1
    return kernel / kernel.sum()


def reduced(image: Real, scale: float, *, wrap: bool) -> Real:
    """The image at ``scale`` ≤ 1: smoothed by a Gaussian of 1/(2·scale) pixels, then sampled linearly.

    Its size is rounded; pixel centres keep their relative places.
    """
    if scale == 1:
        return image
    smooth = ndimage.gaussian_filter(image, 0.5 / scale, mode="wrap" if wrap else "nearest")
    size = tuple(max(round(length * scale), 2) for length in image.shape)
    return resampled(smooth, size, "grid-wrap" if wrap else "nearest")


def _support(kernel: int, image: int, scale: float) -> int:
    """The kernel's length at a scale, rounded up to an odd number that leaves a gradient on the image."""
    wanted, most = ceil(kernel * scale), max(round(image * scale), 2) - 1
    return min(wanted + 1 - wanted % 2, most - 1 + most % 2)
