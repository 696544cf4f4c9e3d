"""How large a kernel a photograph needs: asked of the coarse scales of the method itself.

    side = estimated_side(grey, Settings(), wrap=False)          # odd, e.g. 23

The rule: take the largest kernel there could be, a quarter of the image's shorter side and at most 95 pixels,
and run the pyramid (:mod:`.pyramid`) for it until a kernel of about 31 pixels, without the dark channel: the
scales that follow and that channel cost many times more. The extent of what was found there, the distance
between the outermost entries of more than a tenth of the maximum, is magnified to full size; a margin of a
tenth and 4 pixels is added.

A support that is somewhat too large costs time and little else, one too small costs the picture: the margin
errs on that side. Ours: the paper takes the size from the user.

Pictures of one batch differ in it. Their kernels stand on one support, the largest, and each picture is
deblurred by its own (:class:`EachSize`).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit_photographs._fourier import Real, Size
from invkit_photographs.pyramid import Settings, coarse_to_fine

LARGEST_SIDE = 95
SHARE_OF_IMAGE = 4
COARSE_SIDE = 31
SMALLEST_SIDE = 7
LEAST_ENTRY = 0.1


def largest_side(size: Size) -> int:
    """The largest kernel that is looked for in an image of that size, odd."""
    return max(min(min(size) // SHARE_OF_IMAGE, LARGEST_SIDE) // 2 * 2 - 1, 3)


def estimated_side(grey: Real, settings: Settings, *, wrap: bool) -> int:
    """The side of the square support that holds the kernel, odd.

    Args:
        grey: (H, W) in [0, 1].
        settings: of the coarse estimation.
        wrap: whether the image wraps around.
    """
    most = largest_side(grey.shape)
    found = None
    quick = attrs.evolve(settings, dark=False, last_rounds=0)
    with np.errstate(all="ignore"):
        for state in coarse_to_fine(grey, (most, most), quick, wrap=wrap):
            if len(state.kernel) > COARSE_SIDE:
                break
            found = state
    if found is None or not np.isfinite(found.kernel).all():
        return min(SMALLEST_SIDE, most)
    side = extent(found.kernel) / found.scale
    return int(np.clip(int(side * 1.1 + 4) // 2 * 2 + 1, min(SMALLEST_SIDE, most), most))


def extent(kernel: Real) -> int:
    """The longer side of the smallest rectangle around all entries above a tenth of the maximum."""
    rows, columns = np.nonzero(kernel > LEAST_ENTRY * kernel.max())
    return int(max(np.ptp(rows), np.ptp(columns)) + 1)


class EachSize(Generator):
    """A prior of w on one square support, of which every measurement uses a part of its own in the middle.

    Args:
        prior: one that has no shape.
        sides: the side of each measurement's part, odd.
        side: the side of the support, odd.
    """

    def __init__(self, prior: Generator, sides: Sequence[int], side: int) -> None:
        super().__init__()
        self.prior, self.sides, self.whole = prior, tuple(sides), prior.shaped((1, side, side))
        self.signal_shape, self.latent_shape = self.whole.signal_shape, self.whole.latent_shape
        self.can_encode, self.role, self.bounds = prior.can_encode, prior.role, prior.bounds
        self.penalty_weight = prior.penalty_weight

    @property
    def own(self) -> Generator:
        """The prior of the first measurement's own kernel."""
        return self.prior.shaped((1, self.sides[0], self.sides[0]))

    def forward(self, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *signal"]:
        made: Tensor = self.whole(latent)
        return made

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *latent"]:
        return self.whole.sample_latent(n, rng, dtype=dtype, device=device)

    def penalty(
        self, latent: Float[Tensor, "n *latent"], signal: Float[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        return self.whole.penalty(latent, signal)

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *latent"]:
        return self.whole.encode(signal)

    def select(self, index: Tensor) -> EachSize:
        assert self.signal_shape is not None
        return EachSize(self.prior, [self.sides[i] for i in index.tolist()], self.signal_shape[1])
