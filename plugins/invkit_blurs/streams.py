"""NumPy random streams from a torch generator.

    angles, sigmas = streams(rng, 2)
    angles.random(n)

One stream for each quantity, each read with the kernels as its leading axis: so the first kernels of a draw
do not depend on how many are drawn. (Normal variates of torch do not have that property: they are computed
in blocks of sixteen.)
"""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["streams"]


def streams(rng: torch.Generator, count: int) -> list[np.random.Generator]:
    """Return ``count`` independent NumPy generators, seeded by one number drawn from ``rng`` (on the CPU)."""
    seed = int(torch.randint(2**63 - 1, (), generator=rng, dtype=torch.int64, device="cpu"))
    return [
        np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(seed).spawn(count)
    ]
