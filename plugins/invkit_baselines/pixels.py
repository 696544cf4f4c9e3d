"""What the solvers of this plugin ask of a prior: free pixels.

    require_free_pixels("x", prior_x, y, "…")    # InputError where a prior restricts the signal

No prior is asked which it is. Pixels are free where a prior encodes a random signal and makes the very same
from the latent.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.errors import InputError

_PROBE = 917_003  # the seed of the random signal: it needs no other randomness, and every solve is alike
_TOLERANCE = 1e-3  # of the largest value: single precision is allowed its rounding


def require_free_pixels(
    name: str, prior: Generator, like: Inexact[Tensor, "n *y"], hint: str, *, unit_sum: bool = False
) -> None:
    """Raise unless the prior can make any signal within its bounds (any non-negative one of unit sum).

    Args:
        name: of the unknown, for the message.
        prior: tied to a shape.
        like: gives dtype and device.
        hint: what to type instead.
        unit_sum: try with a signal of unit sum, as kernels are.

    Raises:
        InputError: the prior cannot encode, or makes another signal from the latent.
    """
    rng = torch.Generator().manual_seed(_PROBE)
    if prior.can_encode and prior.signal_shape is not None:
        low, high = prior.bounds or (0.0, 1.0)
        low = min(high, 0.0) - 1 if math.isinf(low) else low
        high = max(low, 0.0) + 1 if math.isinf(high) else high
        probe = torch.rand(1, *prior.signal_shape, generator=rng)
        probe = probe.div_(probe.sum()) if unit_sum else probe.mul_(high - low).add_(low)
        probe = probe.to(like)
        with torch.no_grad():
            apart = (prior(prior.encode(probe)) - probe).abs().max()
        if float(apart) <= _TOLERANCE * float(probe.abs().max()):
            return
    raise InputError(
        f"the prior of {name} restricts it to a range, but this solver moves its pixels freely", hint=hint
    )
