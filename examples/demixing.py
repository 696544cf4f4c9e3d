"""Blind demixing: what three users have sent, and the channels of all three, from their sum. Takes [SOLVER].

User i spreads 20 symbols by a code of its own that the receiver knows; they come through an unknown channel
of 10 taps. The receiver hears the sum, 180 numbers: ``y = Σ wᵢ ∗ (Cᵢ xᵢ)``, 90 unknowns. Prints the largest
relative error of a user's wᵢ xᵢᵀ, which no scale can change.
"""

from __future__ import annotations

import sys

import torch

import invkit

USERS, TAPS, SYMBOLS, LENGTH = 3, 10, 20, 180


def main(solver: str = "lm") -> None:
    """Add three users, take them apart, print the error."""
    rng = torch.Generator().manual_seed(0)
    draw = {"generator": rng, "dtype": torch.float64}
    w, x = torch.randn(1, USERS, TAPS, **draw), torch.randn(1, USERS, SYMBOLS, **draw)

    convolve = invkit.operator("circconv?dims=1")
    codes = [invkit.from_matrix(torch.randn(LENGTH, SYMBOLS, **draw)) for _ in range(USERS)]
    first, second, third = (convolve @ (None, code) for code in codes)
    mixed = first + second + third
    y = mixed(w, x)
    solution = invkit.compose(mixed, w=f"identity?shape={USERS}x{TAPS}", x="identity", solver=solver)(y)

    found, truth = (a[0, :, :, None] * b[0, :, None] for a, b in ((solution.w, solution.x), (w, x)))
    errors = (found - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)
    print(f"largest error of a user {errors.max().item():.1e}")
    print(f"residual {(solution.residual.sqrt() / y.norm()).item():.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
