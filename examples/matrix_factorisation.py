"""Matrix factorisation: ``Y = W X`` with inner dimension 8 and squared norms on both factors.

python examples/matrix_factorisation.py [SOLVER]

``min ‖Y − WX‖² + λ(‖W‖² + ‖X‖²)`` has a known answer: the singular values of Y less λ, cut at zero (Srebro,
Rennie and Jaakkola, 2004: it is nuclear-norm denoising). So the solver can be checked: prints the largest
difference to that closed form, and the rank found.
"""

from __future__ import annotations

import sys

import torch

import invkit

ROWS, COLUMNS, RANK, INNER, WEIGHT = 30, 24, 3, 8, 2.0
SOLVER = f"altgd?restarts=2,keep=2,steps=600,rate=0.05,weight_w={WEIGHT},weight_x={WEIGHT},anneal=1"


def main(solver: str = SOLVER) -> None:
    """Draw a noisy matrix of low rank, factorise it, compare with the soft-thresholded SVD."""
    rng = torch.Generator().manual_seed(0)
    low = torch.randn(ROWS, RANK, generator=rng) @ torch.randn(RANK, COLUMNS, generator=rng)
    y = low + 0.1 * torch.randn(ROWS, COLUMNS, generator=rng)

    priors = [f"identity?shape=1x{ROWS}x{INNER}", f"identity?shape=1x{INNER}x{COLUMNS}"]
    solution = invkit.compose("matmul", priors, solver)(y)
    found = invkit.operator("matmul")(solution.w[None, None], solution.x[None, None])[0, 0]

    u, s, v = torch.linalg.svd(y, full_matrices=False)
    expected = u @ torch.diag((s - WEIGHT).clamp_min(0)) @ v
    print(f"largest difference to the closed form {(found - expected).abs().max().item():.1e}")
    print(f"rank found {int((torch.linalg.svdvals(found) > 0.01).sum())} of {INNER}, true rank {RANK}")


if __name__ == "__main__":
    main(*sys.argv[1:])
