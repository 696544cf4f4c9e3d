"""A picture at a scale, and the evidence of kernels there.

    view = View.of(grey, 0.5, sigma=0.01, reach=20)
    view.evidence(kernels)                # (n,) nats a derivative; kernels (n, P, P) in pixels of full size
    view.small                            # the part of the picture with most structure, (h, w)

The bound of :mod:`invkit_photographs.bound` tells kernels apart where they are some 9 to 25 pixels across: at
full size it leaves large kernels and strong noise too uncertain. So the picture is made small; kernels are
not: the transfer function of a kernel of full size is evaluated at the frequencies that are left,

    k̂(ω) = Σ_q k[q] exp(−i ω·q r),      r the ratio of the sizes,

which is exact at any ratio. It is multiplied by the response of what made the picture small, a Gaussian of
half a pixel of the small picture: every candidate has it, the single pixel too, or else small wrong kernels
would win that stand for it. A kernel that was itself found on a small picture has such a response already,
and gets what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import ceil, pi

import attrs
import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit.solving import Adam
from invkit_photographs._fourier import Real
from invkit_photographs.bound import Bound, Plan, bound
from invkit_photographs.derivatives import Derivatives
from invkit_photographs.pyramid import reduced

__all__ = ["View"]

#: the least standard deviation that noise is taken to have at full size; at a scale it is divided by it. A
#: picture made small is no exact convolution of a sharp one: it has aliases, and the bound takes pixels as
#: independent, which costs large kernels most. With less, the single pixel has more evidence than the true
#: kernel of many training pictures of BSDS500; with 0.01 at the scale 0.7 sharp ones seem blurred
LEAST_SIGMA = 5e-3
#: pixels a side of the part that kernels are found on and of the one that they are judged on, at any scale
SEEN, PART = 320, 160
_WHITE = 0.995
#: the betas of Adam where kernels climb the evidence, and how much of the bound is worked out at each step
_BETAS, _QUICK = (0.8, 0.95), Plan(rounds=1, steps=3)


@attrs.frozen(eq=False, slots=False)
class View:
    """A picture at a scale.

    Args:
        small: (h, w), grey: the part of at most :data:`SEEN` pixels a side with most structure.
        scale: its size over the full size.
        ratio: the same of rows and of columns, exactly.
        data: its derivatives.
        variance: of the noise of a derivative.
    """

    small: Real
    scale: float
    ratio: tuple[float, float]
    data: Derivatives
    variance: float

    @classmethod
    def of(cls, grey: Real, scale: float, sigma: float, reach: int, part: int = PART) -> View:
        """The picture at ``scale`` ≤ 1.

        Args:
            grey: (H, W) of full size, values about [0, 1].
            scale: see above.
            sigma: the noise's standard deviation at full size.
            reach: how far kernels reach from their middle, in pixels of full size.
            part: what is judged has at most so many pixels a side, where there is most to see.
        """
        small = reduced(grey, scale, wrap=False).astype(np.float32)
        y = torch.from_numpy(small)
        known = torch.from_numpy(reduced((grey < _WHITE).astype(np.float32), scale, wrap=False)) > 0.99
        rows, columns = busiest(y, part)
        y, known = y[rows, columns], known[rows, columns]
        if known.double().mean() < 0.5:  # a bright page: its white is no accident
            known = torch.ones_like(known)
        margin = ceil(reach * scale) + 2
        data = Derivatives.of(y[None, None], margin, measured=known[None])
        level = max(sigma * scale, LEAST_SIGMA / scale)
        ratio = (small.shape[0] / grey.shape[0], small.shape[1] / grey.shape[1])
        return cls(small[busiest(torch.from_numpy(small), SEEN)], scale, ratio, data, 2 * level**2)

    def transfer(
        self, kernels: Float[Tensor, "n p p"], found_at: Float[Tensor, "n"] | None = None
    ) -> Complex[Tensor, "n 1 s0 half"]:
        """The transfer functions of kernels of full size, origin in the middle; differentiable.

        Args:
            kernels: see above.
            found_at: the scales of the pictures that they were found on; None: they have no response yet.
        """
        places = [torch.arange(side) - side // 2 for side in kernels.shape[1:]]
        kind = torch.float64  # whatever torch's default is
        waves = (
            torch.fft.fftfreq(self.data.size[0], dtype=kind),
            torch.fft.rfftfreq(self.data.size[1], dtype=kind),
        )
        first, second = (
            torch.exp(-2j * pi * ratio * wave[:, None] * place).to(torch.complex64)
            for ratio, wave, place in zip(self.ratio, waves, places, strict=True)
        )
        made: Tensor = first @ (kernels.to(torch.complex64) @ second.T)
        if self.scale < 1:
            square = waves[0][:, None] ** 2 + waves[1] ** 2
            share = kernels.new_zeros(len(kernels)) if found_at is None else self.scale / found_at
            missing = 1 - share.to(kind) ** 2
            made = made * torch.exp(-(pi**2) / 2 * missing.clamp(min=0)[:, None, None] * square).float()
        return made[:, None]

    def evidence(
        self,
        kernels: Float[Tensor, "n p p"],
        found_at: Float[Tensor, "n"] | None = None,
        plan: Plan | None = None,
    ) -> Float[Tensor, "n"]:
        """Minus the bound of kernels of full size, in nats a measured derivative."""
        with torch.no_grad():
            found = bound(self.data, self.transfer(kernels, found_at), self.variance, plan)
        return -found.value / self.count

    def climbed(
        self,
        free: Sequence[Tensor],
        rates: Sequence[float],
        kernels: Callable[..., Float[Tensor, "n p p"]],
        steps: int,
        start: Bound | None = None,
    ) -> list[Tensor]:
        """Numbers that kernels are made from after steps of Adam up the evidence.

        Args:
            free: the numbers.
            rates: the length of a step of each.
            kernels: makes the kernels from them, differentiably.
            steps: how many.
            start: the bound there; x and γ go on from it, and from step to step.
        """
        free = [each.clone().requires_grad_() for each in free]
        climbs = [Adam(each, _BETAS) for each in free]
        for _ in range(steps):
            with torch.enable_grad():
                transfer, plan = self.transfer(kernels(*free)), None if start is None else _QUICK
                start = bound(self.data, transfer, self.variance, plan, start=start)
                slopes = torch.autograd.grad(start.value.sum() / self.count, free)
            with torch.no_grad():
                for each, climb, rate, slope in zip(free, climbs, rates, slopes, strict=True):
                    each -= rate * climb(slope)
        return [each.detach() for each in free]

    @cached_property
    def count(self) -> float:
        """How many derivatives are measured."""
        return float(self.data.count.sum().clamp(min=1))


def busiest(y: Float[Tensor, "h w"], side: int) -> tuple[slice, slice]:
    """The rows and columns of the square part of a picture with most structure, at most ``side`` long.

    Structure is the sum of the gradients' magnitudes, each counted up to a tenth, so that a few strong edges
    do not decide.
    """
    height, width = (min(side, length) for length in y.shape)
    steep = torch.zeros_like(y)
    corner = y[:-1, :-1]
    steep[:-1, :-1] = ((y[1:, :-1] - corner) ** 2 + (y[:-1, 1:] - corner) ** 2).sqrt().clamp(max=0.1)
    total = torch.nn.functional.pad(steep.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    rows = total[height:] - total[:-height]
    sums = rows[:, width:] - rows[:, :-width]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return slice(top, top + height), slice(left, left + width)
