"""What the second moments of a kernel say of its direction and its widths.

    spread, tilt = moments(kernels)
    wide, narrow = spread + tilt.norm(dim=1), spread - tilt.norm(dim=1)

For a kernel with covariance ((a, c), (c, b)) about its centroid, x first, spread = (a + b) / 2 and
tilt = ((a − b) / 2, c). The eigenvalues are spread ± ‖tilt‖, and tilt points to twice the angle of the longer
axis: so it is a latent of a direction that repeats after half a turn.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["moments"]


def moments(kernels: Float[Tensor, "n 1 size size"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n 2"]]:
    """Return (spread, tilt) in pixels² of non-negative kernels.

    The kernels may have any sum; of a zero kernel both are zero.
    """
    size = kernels.shape[-1]
    position = torch.arange(size, dtype=kernels.dtype, device=kernels.device) - (size - 1) / 2
    total = kernels.sum((1, 2, 3))
    mass = kernels[:, 0] / torch.where(total > 0, total, 1)[:, None, None]
    along_x, along_y = mass.sum(1), mass.sum(2)
    x, y = along_x @ position, along_y @ position
    a, b = along_x @ position**2 - x**2, along_y @ position**2 - y**2
    c = (mass @ position * position).sum(1) - x * y
    return (a + b) / 2, torch.stack([(a - b) / 2, c], dim=1)
