"""Principal components of images that stream by: from the whole matrix of second moments, or a sketch of it.

    directions, variances = components(images, numbers, rank=128, seed=0)

``images`` is called once for each pass. Where an image has at most `DIRECT` numbers, the matrix is summed up
in one pass; else it is only ever multiplied by a few random directions, with two power iterations (Halko,
Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["DIRECT", "Batches", "components"]

Batches = Callable[[], Iterator[Tensor]]
"""A pass over images (n, C, H, W)."""

DIRECT = 4096
"""The most numbers of an image whose second moments are summed up whole."""

_OVERSAMPLED, _POWER_ITERATIONS = 32, 2


def components(
    images: Batches, numbers: int, rank: int, seed: int
) -> tuple[Float[Tensor, "r d"], Float[Tensor, "r"]]:
    """The leading eigenvectors, as rows, and eigenvalues of ``E[x xᵀ]``.

    Args:
        images: beside their mean.
        numbers: d, of an image.
        rank: r.
        seed: of the sketch's directions.
    """
    if rank == 0:
        return torch.zeros(0, numbers), torch.zeros(0)
    return _whole(images, numbers, rank) if numbers <= DIRECT else _sketched(images, numbers, rank, seed)


def _whole(images: Batches, numbers: int, rank: int) -> tuple[Tensor, Tensor]:
    """By the matrix of second moments, in one pass."""
    scatter, count = torch.zeros(numbers, numbers), 0
    for x in images():
        rows = x.flatten(1)
        scatter.addmm_(rows.T, rows)
        count += len(x)
    variances, vectors = torch.linalg.eigh((scatter / max(count, 1)).double())
    order = variances.argsort(descending=True)[:rank]
    return vectors[:, order].T.float().contiguous(), variances[order].clamp(min=0).float()


def _sketched(images: Batches, numbers: int, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """By a random sketch: a pass, one for each power iteration, and one for the eigenvalues."""
    wide = min(numbers, rank + _OVERSAMPLED)
    rng = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(numbers, wide, generator=rng))[0]
    for _ in range(_POWER_ITERATIONS + 1):
        basis = torch.linalg.qr(_applied(images, basis)[0])[0]
    made, count = _applied(images, basis)
    small = (basis.T @ made / max(count, 1)).double()
    variances, inner = torch.linalg.eigh((small + small.T) / 2)
    order = variances.argsort(descending=True)[:rank]
    return (basis @ inner[:, order].float()).T.contiguous(), variances[order].clamp(min=0).float()


def _applied(images: Batches, basis: Float[Tensor, "d k"]) -> tuple[Float[Tensor, "d k"], int]:
    """The images' scatter matrix times the basis, without forming it; how many there were."""
    made, count = torch.zeros_like(basis), 0
    for x in images():
        rows = x.flatten(1)
        made.addmm_(rows.T, rows @ basis)
        count += len(x)
    return made, count
