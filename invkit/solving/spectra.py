"""Half spectra, as ``torch.fft.rfftn`` makes them of real signals."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["half_weights"]


def half_weights(size: tuple[int, ...], like: Tensor) -> Float[Tensor, "*half"]:
    """How often each entry of half a spectrum stands in the whole one: 2, or 1 in the first and, of an even
    length, the last column. So sums over the whole are weighted sums over the half:

        Σ_f |X(f)|²  =  (half_weights(size, x) * torch.fft.rfftn(x).abs().square()).sum()

    Args:
        size: of the signal along the axes of the transform, the halved one last.
        like: whose dtype, if it is complex that of its parts, and device they have.
    """
    last = size[-1]
    weights = like.new_full((last // 2 + 1,), 2.0, dtype=like.real.dtype)
    weights[0] = 1
    if last % 2 == 0:
        weights[-1] = 1
    return weights.expand(*size[:-1], -1)
