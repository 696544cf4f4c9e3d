"""``sparse``: photographs, whose derivatives are mostly small and sometimes large.

    deblur = invkit.compose("linconv?mode=valid", ["trajectory?size=15", "sparse"], "evidence",
                            noise="gaussian?sigma=0.01")
    prior = invkit.prior("sparse")                             # its shape follows from the measurement
    prior.marginal(y)                                          # the image integrated out, up to a bound

Every horizontal and vertical derivative d of every channel has the prior p(d) ∝ 1/|d|, the same at every
scale, so that contrast and units of the image do not matter. The penalty is −2 log p, kept finite at zero,

    f(x) = Σ log(1 + d²/ε²).

The image can be integrated out approximately: :class:`~invkit_photographs.sparse_marginal.SparseMarginal` is
an upper bound of the negative log-likelihood, with ε = 0. It needs no training. On text it may prefer a wrong
kernel: derivatives of two-valued images are sparser than this.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import InputError
from invkit_photographs.bound import Plan
from invkit_photographs.pixels import Pixels
from invkit_photographs.sparse_marginal import SparseMarginal

__all__ = ["Sparse"]

#: from this many steps in all on, a round has four; and how much larger the noise is at first with fewer
_FINE, _START = 32, 10.0


class Sparse(Pixels, IntegrableGenerator):
    """``C(m) = m`` with the penalty of the module; images, (channels, height, width), of any units.

    Derivatives are differences of neighbours; those across the image's border are not counted. Channels are
    independent of each other.

    Args:
        eps: ε, in units of the image; derivatives much smaller than it cost nothing. It has a part in the
            penalty alone.

    Raises:
        InputError: ε is not positive.
    """

    def __init__(self, eps: float = 0.005) -> None:
        super().__init__()
        if not eps > 0:
            raise InputError(f"eps={eps}: ε must be positive", hint="write e.g. sparse?eps=0.005")
        self.eps = eps

    def penalty(
        self, latent: Float[Tensor, "n c h w"], signal: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n"]:
        """f; 0 for an image of one value."""
        parts = [signal.diff(dim=axis).div(self.eps).square().log1p().flatten(1).sum(1) for axis in (2, 3)]
        return torch.stack(parts).sum(0)

    def alike(self) -> Sparse:
        return Sparse(self.eps)

    def marginal(self, y: Float[Tensor, "n c h w"], *, rank: int | None = None) -> SparseMarginal:
        """The bound for convolutions.

        Args:
            y: measurements of any convolution that tells its window.
            rank: steps of conjugate gradients in all, 4 at least: two a round, and four a round from 32 on,
                up to 40. None: 40.
        """
        plan = Plan()
        if rank is not None and rank < plan.rounds * plan.steps:
            steps = 2 if rank < _FINE else plan.steps
            plan = Plan(max(rank // steps, 2), steps, start=_START)
        return SparseMarginal.of(y, plan)
