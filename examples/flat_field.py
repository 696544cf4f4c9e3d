"""A shared flat field: twelve pictures under one uneven light that nobody has measured. Takes [SOLVER].

``y_k = w ⊙ x_k``: w is smooth, 1 and nine cosines; each x_k is a face, nearly in the span of its class's 64
principal components. The faces are drawn from another model, the VAE, so that no data are needed. Prints the
relative error of the field, and that of the usual estimate, the mean picture, smoothed.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit
from invkit_classical.subspace import Subspace

PICTURES, SIDE, RANK = 12, 64, 64
SOLVER = "lm?restarts=1,start=random,steps=10,weight_w=2.5e-3,weight_x=2.5e-3"  # faces are 0.05 off the span


def cosines(side: int, degree: int = 3) -> Tensor:
    """Products of cosines along both axes, of total degree up to 3; the constant first."""
    wave = torch.cos(torch.pi * torch.arange(degree + 1)[:, None] * (torch.arange(side) + 0.5) / side)
    pairs = sorted((i + j, i, j) for i in range(degree + 1) for j in range(degree + 1 - i))
    return torch.stack([wave[i][:, None] * wave[j] for _, i, j in pairs])


def error(found: Tensor, truth: Tensor) -> float:
    """Relative, after the best scale."""
    found, truth = found.flatten(), truth.flatten()
    return float((found * (found @ truth) / (found @ found) - truth).norm() / truth.norm())


def main(solver: str = SOLVER) -> None:
    """Light faces unevenly, find the field and the faces, print the errors."""
    rng, waves = torch.Generator().manual_seed(1), cosines(SIDE)
    vae = invkit.prior("vae:celeba")
    faces = vae(vae.sample_latent(PICTURES, rng)).reshape(1, -1, SIDE, SIDE)
    field = Subspace(0.2 * waves[1:, None], mean=torch.ones(1, SIDE, SIDE))
    w = field(field.sample_latent(1, rng))

    y = w * faces + 0.01 * torch.randn(faces.shape, generator=rng)
    of_class = invkit.prior("gaussian:celeba").moments
    face = Subspace(of_class.basis[:RANK], mean=of_class.mean)
    solution = invkit.compose("pointwise", w=field, x=invkit.product([face] * PICTURES), solver=solver)(y)

    columns = waves.flatten(1).T
    usual = columns @ torch.linalg.lstsq(columns, y.mean((0, 1)).reshape(-1, 1)).solution
    for name, each in (("none", torch.ones_like(w)), ("mean, smoothed", usual), ("recovered", solution.w)):
        print(f"field error {name:<16} {error(each, w):.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
