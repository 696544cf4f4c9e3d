"""Blind deconvolution in subspaces: a short filter, and a signal in a random subspace."""

from __future__ import annotations

import torch
from torch import Tensor

import invkit
from invkit import Problem


def deconvolution(
    length: int, size: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Problem, Tensor, Tensor, Tensor]:
    """Problem, measurement, filter and signal; both latents have ``size`` numbers."""
    from invkit_classical.subspace import Subspace

    rng = torch.Generator().manual_seed(seed)
    basis = torch.randn(size, 1, length, generator=rng, dtype=dtype)
    priors = Subspace(torch.eye(size, length, dtype=dtype)[:, None]), Subspace(basis)
    h, m = torch.randn(2, 1, size, generator=rng, dtype=dtype)
    w, x = priors[0](h), priors[1](m)
    problem = Problem(invkit.operator("circconv?dims=1"), priors)
    return problem, problem.operator(w, x), w, x


def outer_error(solution: invkit.Solution, w: Tensor, x: Tensor) -> Tensor:
    """The relative error of ``w xᵀ``, which no scale can hide."""
    found, true = (
        a.flatten(1)[:, :, None] * b.flatten(1)[:, None] for a, b in ((solution.w, solution.x), (w, x))
    )
    return (found - true).flatten(1).norm(dim=1) / true.flatten(1).norm(dim=1)
