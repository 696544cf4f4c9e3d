"""A kernel of which nothing is known but that it is one: no negative entries, unit sum.

    kernel = invkit.prior("blind?size=27")             # 27 × 27 pixels
    kernel = invkit.prior("blind")                     # as many as the operator, or the solver, says

    w = C(h) = h² / ‖h‖²,   entry by entry, in each channel,

maps any latent but zero onto the simplex, its corners and edges included: kernels have zeros, which a softmax
cannot make. The encoder is the square root. Latents of N(0, I) draw w from the Dirichlet(½) distribution.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError


class Blind(invkit.Generator):
    """``w = h²/‖h‖²`` with the penalty ``‖w‖²``, which is least for the widest blur.

    The penalty is that of the dark-channel method's kernel step (Pan et al. 2016), γ‖k‖². One
    channel, unless the operator takes a kernel for each of several places.

    Args:
        size: side of the square support; None lets it follow from the operator, or from the solver where it
            estimates it.

    Raises:
        InputError: ``size`` is below 1.
    """

    role = "kernel"
    can_encode = True
    bounds = (0.0, 1.0)

    def __init__(self, size: int | None = None) -> None:
        super().__init__()
        if size is not None and size < 1:
            raise InputError(f"size={size} leaves no pixel", hint="write e.g. blind?size=27")
        self.signal_shape = self.latent_shape = None if size is None else (1, size, size)

    def forward(self, latent: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        square = latent.square()
        total = square.flatten(2).sum(2).clamp(min=torch.finfo(latent.dtype).tiny)
        return square / total.reshape(*latent.shape[:2], *[1] * (latent.ndim - 2))

    def penalty(
        self, latent: Float[Tensor, "n *signal"], signal: Float[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """``‖w‖²``: 1 for a single pixel, 1/pixels for a constant kernel."""
        return signal.flatten(1).square().sum(1)

    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        tied = Blind()
        tied.signal_shape = tied.latent_shape = tuple(signal_shape)
        return tied

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """The root of the kernel, negative entries taken as zero."""
        return signal.clamp(min=0).sqrt()
