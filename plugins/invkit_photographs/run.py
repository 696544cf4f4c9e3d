"""One measurement on its way from blurry to sharp, as pairs (w, x) of what has been found so far.

    run = Run(picture, prior_w, (27, 27), Settings(), Last(), like=y)
    for w, x, stage in run.pairs():            # run.steps of them, the last is the result
        ...

While the kernel is being found, x is the sharp cartoon that it was found from, enlarged and in the
measurement's colours: the best there is where the run is interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np
import torch
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.solving import is_given
from invkit_photographs._fourier import Real, Size
from invkit_photographs.final import Last
from invkit_photographs.kernel_step import enlarged
from invkit_photographs.picture import Picture, centred, on_support
from invkit_photographs.pyramid import Settings, coarse_to_fine, supports


@attrs.frozen(eq=False)
class Run:
    """The whole method on one measurement.

    Args:
        picture: the measurement.
        prior_w: tied to a shape, able to encode; a given w is not looked for.
        support: of the kernel that is looked for, odd sides.
        settings: of the search for the kernel.
        last: of the deconvolution that follows.
        like: of the dtype and device that the pairs shall have.
    """

    picture: Picture
    prior_w: Generator
    support: Size
    settings: Settings
    last: Last
    like: Tensor = attrs.field(kw_only=True)

    @property
    def known(self) -> bool:
        """Whether there is no kernel to be found."""
        return is_given(self.prior_w)

    @property
    def steps(self) -> int:
        """How many pairs there will be."""
        if self.known:
            return 1
        scales = len(supports(self.support, self.picture.y.shape[1:]))
        return scales * self.settings.rounds + self.settings.last_rounds + 1

    def start(self) -> tuple[Tensor, Tensor]:
        """A single pixel, and the measurement itself."""
        return self._kernel(np.ones((1, 1))), self._tensor(self.picture.blurry())

    def pairs(self) -> Iterator[tuple[Tensor, Tensor, str]]:
        """(w, x, what was done) after each step."""
        picture, (w, _) = self.picture, self.start()
        if not self.known:
            for state in coarse_to_fine(picture.grey, self.support, self.settings, wrap=picture.frame.wraps):
                w = self._kernel(enlarged(state.kernel, self.support, 1 / state.scale))
                yield w, self._tensor(picture.in_colour(state.latent)), f"{len(state.kernel)}-pixel kernel"
        w = self.prior_w(self.prior_w.encode(w[None]))[0]
        yield w, self._tensor(self._deconvolved(w.cpu().numpy())), "deconvolution"

    def _deconvolved(self, w: Real) -> Real:
        """Every channel with its kernel."""
        picture, sharp = self.picture, []
        kernels = np.broadcast_to(w, (len(picture.y), *w.shape[1:]))
        for channel, odd in zip(picture.y, map(centred, kernels), strict=True):
            found = self.last.deconvolve(channel, picture.periodic_size(odd.shape), odd, picture.grey)
            sharp.append(picture.placed(found))
        return np.stack(sharp)

    def _kernel(self, kernel: Real) -> Tensor:
        """A kernel of odd sides as the operator's w: on the prior's support, once a channel."""
        w_shape = tuple(self.prior_w.signal_shape or ())
        return self._tensor(np.broadcast_to(on_support(kernel, w_shape[1:]), w_shape))

    def _tensor(self, array: Real) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self.like)
