"""Blind deconvolution in subspaces: a short filter and a signal, both unknown, from their convolution.

    python examples/blind_deconvolution_subspaces.py

The filter has 20 numbers, the signal lies in a subspace of 20 dimensions, and there are 50 measurements: 1.25
for each unknown. `lm` finds both to rounding. With a quarter of 120 entries grossly wrong it needs the noise
model `robust`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

import invkit

SIZE = 20


def subspace(folder: str, basis: torch.Tensor) -> invkit.Generator:
    """The prior of signals in the span of a basis (r, 1, L)."""
    path = Path(folder) / "basis.npy"
    np.save(path, basis.numpy())
    return invkit.prior(f"subspace:{path}")


def problem(length: int, rng: torch.Generator) -> tuple[list[invkit.Generator], torch.Tensor, torch.Tensor]:
    """Priors of filter and signal, and a true one of each."""
    with tempfile.TemporaryDirectory() as folder:
        short = subspace(folder, torch.eye(SIZE, length, dtype=torch.float64)[:, None])
        gaussian = subspace(folder, torch.randn(SIZE, 1, length, generator=rng, dtype=torch.float64))
    h, m = torch.randn(2, 1, SIZE, generator=rng, dtype=torch.float64)
    return [short, gaussian], short(h), gaussian(m)


def error(solution: invkit.Solution, w: torch.Tensor, x: torch.Tensor) -> float:
    """The relative error of w xᵀ: the scale of each alone cannot be known."""
    true = w.flatten()[:, None] * x.flatten()
    return float((solution.w.flatten()[:, None] * solution.x.flatten() - true).norm() / true.norm())


def main() -> None:
    """Solve the three problems."""
    rng = torch.Generator().manual_seed(1)
    convolution = invkit.operator("circconv?dims=1")

    priors, w, x = problem(50, rng)
    y = convolution(w, x)
    solution = invkit.compose(convolution, priors, "lm")(y)
    print(f"50 measurements of 40 unknowns: relative error {error(solution, w, x):.0e}, {solution.status[0]}")

    priors, w, x = problem(120, rng)
    y = convolution(w, x)
    wrong = torch.randperm(120, generator=rng)[:30]
    y[..., wrong] = 60 * torch.randn(30, generator=rng, dtype=y.dtype)
    for noise in ("gaussian", "robust?delta=0.03,power=0.5"):
        solution = invkit.compose(convolution, priors, "lm?restarts=100", noise=noise)(y)
        print(f"120 measurements, 30 of them wrong, noise={noise}: {error(solution, w, x):.0e}")


if __name__ == "__main__":
    main()
