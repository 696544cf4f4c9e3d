"""Given signals: a prior that leaves nothing to find.

    kernel = invkit.Given(k)                     # k: (channels, *dims), the same for every measurement
    kernels = invkit.Given(ks)                   # ks: (n, channels, *dims), one for each measurement

With one unknown given, the bilinear problem becomes a linear one: blind deblurring becomes non-blind, and
every solver solves it without knowing. The latent has no numbers, the penalty is zero.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.called import as_tensor
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.errors import InputError, ShapeError, counted

__all__ = ["Given", "is_given"]


class Given(Generator):
    """``C(m) = s`` for a given signal ``s``; one for all measurements, or one for each.

    Args:
        signal: ``(*signal)`` for all measurements alike, or ``(n, *signal)`` with ``each``; a tensor or a
            numpy array.
        each: whether the first axis runs over measurements.

    Raises:
        InputError: no array of numbers, or NaN or infinite values in it.
    """

    signal: Tensor
    can_encode = True
    affine = True

    def __init__(
        self,
        signal: Inexact[Tensor, "*signal"] | Inexact[np.ndarray, "*signal"],
        *,
        each: bool = False,
    ) -> None:
        super().__init__()
        signal = as_tensor(signal, "a given signal")
        if not bool(signal.isfinite().all()):
            raise InputError("a given signal has NaN or infinite values", hint="give one that is finite")
        self.field = "complex" if signal.is_complex() else "real"
        self.register_buffer("signal", signal if each else signal[None], persistent=False)
        self.signal_shape, self.latent_shape = tuple(self.signal.shape[1:]), (0,)

    def forward(self, latent: Inexact[Tensor, "n 0"]) -> Inexact[Tensor, "n *signal"]:
        """The signal, once for each empty latent ``(n, 0)``."""
        if len(self.signal) not in (1, len(latent)):
            raise ShapeError(
                f"{len(self.signal)} given signals for {counted(len(latent), 'measurement')}",
                hint="give one signal, or one for each measurement",
            )
        # A sum over no numbers is zero. It gives every candidate memory of its own and the gradient a path.
        zero = latent.sum(1).reshape(-1, *[1] * (self.signal.ndim - 1))
        return self.signal.to(device=latent.device, dtype=self.latent_dtype(latent.dtype)) + zero

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n 0"]:
        """The empty latents: the only ones there are."""
        return signal.new_zeros(len(signal), 0, dtype=self.latent_dtype(signal.dtype))

    def select(self, index: Tensor) -> Given:
        return self if len(self.signal) == 1 else Given(self.signal[index], each=True)

    def shaped(self, signal_shape: Shape) -> Given:
        """Itself; raises :class:`ShapeError` where another shape is needed."""
        if tuple(signal_shape) != self.signal_shape:
            raise ShapeError(
                f"the given signal has shape {self.signal_shape}, but shape {tuple(signal_shape)} is needed",
                hint="crop, pad or resize the signal, or reduce its channels (known:FILE?grey=true)",
            )
        return self


def is_given(prior: Generator) -> bool:
    """Whether a prior leaves nothing to find: its latent has no numbers, and it is not tied to the other."""
    return prior.latent_shape is not None and 0 in prior.latent_shape and not prior.ties


def given_signals(prior: Generator, like: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *signal"]:
    """The signal of a prior with nothing to find, once for every measurement."""
    with torch.no_grad():
        dtype = prior.latent_dtype(like.dtype)
        signal: Tensor = prior(like.new_zeros(len(like), *(prior.latent_shape or ()), dtype=dtype))
    return signal.detach()
